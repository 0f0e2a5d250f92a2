#include "core/dtype.h"

namespace swingrad {

size_t size_of(DType dtype) {
    switch (dtype) {
        case DType::float32: return 4;
        case DType::float64: return 8;
        case DType::bfloat16: return 2;
        case DType::int64: return 8;
        case DType::int32: return 4;
        case DType::uint8: return 1;
        case DType::dual: return sizeof(Dual);
    }
    fail("[dtype] unknown dtype {}", static_cast<int>(dtype));
}

std::string_view name_of(DType dtype) {
    switch (dtype) {
        case DType::float32: return "float32";
        case DType::float64: return "float64";
        case DType::bfloat16: return "bfloat16";
        case DType::int64: return "int64";
        case DType::int32: return "int32";
        case DType::uint8: return "uint8";
        case DType::dual: return "dual";
    }
    fail("[dtype] unknown dtype {}", static_cast<int>(dtype));
}

}  // namespace swingrad
