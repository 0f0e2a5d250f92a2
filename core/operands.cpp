#include "core/operands.h"

#include <fmt/ranges.h>

namespace swingrad {

void check_one_device(std::string_view op, std::initializer_list<Operand> operands) {
    const Operand* first = nullptr;
    for (const Operand& operand : operands) {
        if (!operand.tensor.defined()) continue;
        if (!first) first = &operand;
        check(operand.tensor.device() == first->tensor.device(),
              "[{}] {} is {}, but {} is {}: all must be on one device", op, first->name, first->tensor, operand.name,
              operand.tensor);
    }
}

Shape broadcast_shape(std::string_view op, std::initializer_list<Shape> shapes) {
    Shape all = *shapes.begin();
    for (const Shape& shape : shapes) {
        const auto both = broadcast(all, shape);
        if (!both)
            fail("[{}] shapes {} and {} do not broadcast", op, fmt::join(shapes.begin(), shapes.end() - 1, ", "),
                 *(shapes.end() - 1));
        all = *both;
    }
    return all;
}

}  // namespace swingrad
