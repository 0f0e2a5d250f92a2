// Tensors' names, one a line, as a file of weights may have them: each comes out under one name, or is dropped.
#include "models/swin/checkpoint_names.h"
#include "tests/fuzz/targets.h"

#include <sstream>

namespace swingrad::fuzz {

void names(Bytes bytes) {
    std::istringstream lines(std::string(bytes.begin(), bytes.end()));
    std::map<std::string, StoredTensor> tensors;
    const StoredTensor three{"F32", DType::float32, Shape{3}, [] { return Tensor::zeros({3}); }};
    for (std::string line; std::getline(lines, line);) tensors.emplace(line, three);
    const size_t given = tensors.size();
    reads([&] {
        const TimmNamed result = to_timm_names(tensors, "[names] file");
        promise(result.tensors.size() <= 2 * given, "more tensors than there were");
        for (const auto& [name, tensor] : result.tensors)
            promise(tensor.read().shape() == tensor.shape, "a tensor of another shape than it says");
    });
}

}  // namespace swingrad::fuzz
