#include "core/tensor.h"

#include "core/allocator.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace swingrad {

struct Storage {
    Storage(Device where, size_t bytes) : device(where), block(allocate(where, bytes)) {}
    ~Storage() { release(device, block); }
    Storage(const Storage&) = delete;
    Storage& operator=(const Storage&) = delete;

    Device device;
    MemoryBlock block;
};

namespace {

// Calls body(T{}) with the C++ type of any dtype.
template <class Body>
void dispatch_any(DType dtype, Body&& body) {
    switch (dtype) {
        case DType::float32: return body(float{});
        case DType::float64: return body(double{});
        case DType::bfloat16: return body(bfloat16{});
        case DType::int64: return body(int64_t{});
        case DType::int32: return body(int32_t{});
        case DType::uint8: return body(uint8_t{});
        case DType::dual: return body(Dual{});
    }
}

// Whether an integer type holds `value`, once truncated.
template <class To, class From>
bool fits(From value) {
    if constexpr (std::is_integral_v<From>) return std::in_range<To>(value);
    else {
        // The bounds are powers of two, exact in every float; the upper one is the first value too large. A NaN fails.
        const From end = std::ldexp(From(1), std::numeric_limits<To>::digits);
        return std::trunc(value) >= (std::is_signed_v<To> ? -end : From(0)) && value < end;
    }
}

template <class To, class From>
To convert(From value) {
    if constexpr (std::is_same_v<From, To>) return value;
    else if constexpr (std::is_same_v<From, Dual>) return convert<To>(value.value);
    else if constexpr (std::is_same_v<To, Dual>) return convert<double>(value);
    else if constexpr (std::is_same_v<From, bfloat16>) return convert<To>(static_cast<float>(value));
    else if constexpr (std::is_same_v<To, bfloat16>) return bfloat16(static_cast<float>(value));
    else {
        if constexpr (std::is_integral_v<To>)
            check(fits<To>(value), "[tensor] {} does not fit into {}", value, name_of(dtype_of<To>()));
        return static_cast<To>(value);
    }
}

}  // namespace

Tensor Tensor::empty(const Shape& shape, DType dtype, Device device) {
    Tensor tensor;
    tensor.shape_ = shape;
    tensor.numel_ = shape.numel();
    tensor.dtype_ = dtype;
    check(dtype != DType::dual || device == Device::cpu, "[tensor] dual numbers live on the CPU alone, not on {}",
          name_of(device));
    size_t bytes = 0;
    check(!__builtin_mul_overflow(static_cast<size_t>(tensor.numel_), size_of(dtype), &bytes),
          "[tensor] {} of {} is larger than memory can be", shape, name_of(dtype));
    tensor.storage_ = std::make_shared<Storage>(device, bytes);
    return tensor;
}

Tensor Tensor::zeros(const Shape& shape, DType dtype, Device device) {
    Tensor tensor = empty(shape, dtype, device);
    tensor.fill_zero();
    return tensor;
}

Tensor Tensor::from_host(const Shape& shape, DType dtype, const void* values) {
    Tensor tensor = empty(shape, dtype);
    if (tensor.numel() > 0) memory_of(Device::cpu).copy_from_host(tensor.address(), values, tensor.bytes());
    return tensor;
}

Device Tensor::device() const {
    check(defined(), "[tensor] an undefined tensor is on no device");
    return storage_->device;
}

void* Tensor::address() const {
    check(defined(), "[tensor] an undefined tensor has no memory");
    return static_cast<char*>(storage_->block.address) + static_cast<size_t>(offset_) * size_of(dtype_);
}

void* Tensor::address_of(DType dtype, Device device) const {
    check(defined() && dtype_ == dtype && storage_->device == device, "[tensor] asked for {} elements on {} of {}",
          name_of(dtype), name_of(device), *this);
    return address();
}

Tensor Tensor::slice(int64_t begin, int64_t end) const {
    check(shape_.rank() > 0 && 0 <= begin && begin <= end && end <= shape_[0], "[slice] rows {} to {} of {}", begin,
          end, *this);
    const int64_t row = shape_[0] == 0 ? 0 : numel_ / shape_[0];
    return subrange(begin * row, shape_.with(0, end - begin));
}

Tensor Tensor::view(const Shape& shape) const {
    check(shape.numel() == numel_, "[view] {} has {} elements, {} has {}", shape, shape.numel(), shape_, numel_);
    return subrange(0, shape);
}

Tensor Tensor::subrange(int64_t begin, const Shape& shape) const {
    const int64_t count = shape.numel();
    check(begin >= 0 && count <= numel_ - begin, "[subrange] elements {} to {} of {}", begin, begin + count, *this);
    Tensor part = *this;
    part.autograd_ = nullptr;
    part.shape_ = shape;
    part.numel_ = count;
    part.offset_ += begin;
    return part;
}

Tensor Tensor::clone() const {
    Tensor copy = empty(shape_, dtype_, device());
    copy.copy_from(*this);
    return copy;
}

Tensor Tensor::to(DType dtype) const {
    if (dtype == dtype_) return clone();
    Tensor copy = empty(shape_, dtype, device());
    if (device() != Device::cpu) {
        if (numel_ > 0) memory_of(device()).convert(copy.address(), dtype, address(), dtype_, numel_);
        return copy;
    }
    dispatch_any(dtype_, [&]<class From>(From) {
        dispatch_any(dtype, [&]<class To>(To) {
            const From* from = data<From>();
            To* to = copy.data<To>();
            for (int64_t i = 0; i < numel_; ++i) to[i] = convert<To>(from[i]);
        });
    });
    return copy;
}

void Tensor::copy_from(const Tensor& source) const {
    check(source.shape() == shape_ && source.dtype() == dtype_ && source.device() == device(),
          "[copy_from] expects {}, got {}", *this, source);
    if (numel_ == 0 || address() == source.address()) return;
    const auto to = reinterpret_cast<uintptr_t>(address()), from = reinterpret_cast<uintptr_t>(source.address());
    check(std::max(to, from) - std::min(to, from) >= bytes(), "[copy_from] {} overlaps the source in part", *this);
    memory_of(device()).copy_within(address(), source.address(), bytes());
}

void Tensor::fill_zero() const {
    if (numel_ > 0) memory_of(device()).fill_zero(address(), bytes());
}

double Tensor::item() const {
    check(numel_ == 1, "[item] expects one element, got {}", *this);
    return values()[0];
}

Tensor Tensor::on(Device device) const {
    if (device == this->device()) return *this;
    Tensor copy = empty(shape_, dtype_, device);
    if (numel_ == 0) return copy;
    if (device == Device::cpu) memory_of(this->device()).copy_to_host(copy.address(), address(), bytes());
    else memory_of(device).copy_from_host(copy.address(), address(), bytes());
    return copy;
}

std::vector<double> Tensor::values() const {
    const Tensor here = on_cpu();
    std::vector<double> result(static_cast<size_t>(numel_));
    dispatch_any(dtype_, [&]<class T>(T) {
        const T* from = here.data<T>();
        for (size_t i = 0; i < result.size(); ++i) result[i] = convert<double>(from[i]);
    });
    return result;
}

std::string Tensor::describe() const {
    if (!defined()) return "an undefined tensor";
    return fmt::format("{} {} on {}", name_of(dtype_), shape_, name_of(device()));
}

Tensor Tensor::detached() const {
    Tensor constant = *this;
    constant.autograd_ = nullptr;
    return constant;
}

int64_t first_not_finite(const Tensor& x) {
    int64_t first = x.numel();
    dispatch_any(x.dtype(), [&]<class T>(T) {
        if constexpr (!std::is_integral_v<T>) {
            const auto is_finite = [](T value) {
                using std::isfinite;
                return isfinite(widen(value));
            };
            const auto values = x.span<T>();
            first = std::find_if_not(values.begin(), values.end(), is_finite) - values.begin();
        }
    });
    return first;
}

}  // namespace swingrad
