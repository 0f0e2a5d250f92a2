#include "core/operands.h"

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

}  // namespace swingrad
