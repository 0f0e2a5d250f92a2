#include "cuda/runtime/convert.h"

#include "core/dtype.h"

namespace swingrad::cuda {

void convert(void* to, DType to_dtype, const void* from, DType from_dtype, int64_t count) {
    dispatch_any_float("convert", from_dtype, [&]<class From>(From) {
        dispatch_any_float("convert", to_dtype,
                           [&]<class To>(To) { convert(count, static_cast<const From*>(from), static_cast<To*>(to)); });
    });
}

}  // namespace swingrad::cuda
