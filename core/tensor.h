// Tensor: a handle on contiguous, row-major memory.
//
// Copying a Tensor copies the handle, never the elements. There are no strides: an operation that changes the
// layout moves data. What two handles can share is a range of one storage: slices of the leading dimension and
// other shapes of the same elements are free. Images and feature maps are channel-last, [B, H, W, C].
#pragma once

#include "core/device.h"
#include "core/dtype.h"
#include "core/shape.h"

#include <memory>
#include <span>
#include <vector>

namespace swingrad {

struct Storage;       // one block of device memory, given back when its last tensor goes
struct AutogradMeta;  // what autograd knows of a tensor (autograd/tape.h); core only carries it

class Tensor {
  public:
    Tensor() = default;  // undefined: no memory at all; `defined()` tells

    // Contents undefined.
    static Tensor empty(const Shape& shape, DType dtype = DType::float32, Device device = Device::cpu);
    static Tensor zeros(const Shape& shape, DType dtype = DType::float32, Device device = Device::cpu);
    // On the CPU, with the values copied in; throws unless shape.numel() == values.size().
    template <class T>
    static Tensor from(const Shape& shape, std::span<const T> values) {
        check(static_cast<int64_t>(values.size()) == shape.numel(), "[tensor] {} needs {} values, got {}", shape,
              shape.numel(), values.size());
        return from_host(shape, dtype_of<T>(), values.data());
    }
    template <class T>
    static Tensor from(const Shape& shape, const std::vector<T>& values) {
        return from(shape, std::span<const T>(values));
    }

    bool defined() const { return storage_ != nullptr; }
    const Shape& shape() const { return shape_; }
    int64_t numel() const { return numel_; }
    DType dtype() const { return dtype_; }
    Device device() const;
    size_t bytes() const { return static_cast<size_t>(numel_) * size_of(dtype_); }

    // The first element, for loops of the CPU; throws unless the tensor is there and its dtype is T. The handle is what
    // is const, not the memory.
    template <class T>
    T* data() const {
        return static_cast<T*>(address_of(dtype_of<T>(), Device::cpu));
    }
    // The same for kernels: an address that means something on the device only.
    template <class T>
    T* device_data() const {
        return static_cast<T*>(address_of(dtype_of<T>(), Device::cuda));
    }
    template <class T>
    std::span<T> span() const {
        return {data<T>(), static_cast<size_t>(numel_)};
    }
    void* address() const;

    // The same memory seen as rows [begin, end) of the leading dimension, or under another shape of the same
    // number of elements. Neither carries autograd along: these are for buffers. The differentiable ones are
    // operations, slice(x, axis, begin, end), of any axis, and reshape (ops/ops.h).
    Tensor slice(int64_t begin, int64_t end) const;
    Tensor view(const Shape& shape) const;
    // Elements [begin, begin + shape.numel()) of this tensor's memory, seen as `shape`.
    Tensor subrange(int64_t begin, const Shape& shape) const;

    // A copy: same elements, memory of its own.
    Tensor clone() const;
    // Contents undefined, dtype and device those of this tensor.
    Tensor empty_like(const Shape& shape) const { return empty(shape, dtype_, device()); }
    Tensor zeros_like(const Shape& shape) const { return zeros(shape, dtype_, device()); }
    // This tensor where it is there already, else a copy there, which autograd does not know. Waits for the device.
    Tensor on(Device device) const;
    Tensor on_cpu() const { return on(Device::cpu); }
    // A copy with elements converted. To a narrower float: rounded to nearest, ties to even (to bfloat16 by way of
    // float32). To an integer: truncated towards zero; throws where the value does not fit. To a dual number: a
    // constant; from one: the value. On the CPU from any type to any other, on a device between floats.
    Tensor to(DType dtype) const;
    // Copies the elements of `source` (same shape, dtype, device) into this tensor's memory. The two may be the same
    // memory but must not overlap in part.
    void copy_from(const Tensor& source) const;
    void fill_zero() const;

    // The only element, as a double. Throws unless there is exactly one.
    double item() const;
    // All elements as doubles, for tests and messages.
    std::vector<double> values() const;
    std::string describe() const;  // "float32 [2, 3] on cpu"

    // How many tensors share this memory. Where it is 1, writing to this tensor changes no other.
    long sharers() const { return storage_.use_count(); }

    const std::shared_ptr<AutogradMeta>& autograd() const { return autograd_; }
    void set_autograd(std::shared_ptr<AutogradMeta> meta) { autograd_ = std::move(meta); }
    // The same elements, unknown to autograd: a constant.
    Tensor detached() const;

  private:
    void* address_of(DType dtype, Device device) const;
    static Tensor from_host(const Shape& shape, DType dtype, const void* values);

    std::shared_ptr<Storage> storage_;
    std::shared_ptr<AutogradMeta> autograd_;
    Shape shape_;
    int64_t numel_ = 0;
    int64_t offset_ = 0;  // in elements
    DType dtype_ = DType::float32;
};

// The index of the first element that is not finite, numel() where all are. Of a tensor on the CPU.
int64_t first_not_finite(const Tensor& x);

// The first element, or null for an undefined tensor: arguments that may be left out.
template <class T>
T* data_or_null(const Tensor& tensor) {
    return tensor.defined() ? tensor.data<T>() : nullptr;
}
template <class T>
T* device_data_or_null(const Tensor& tensor) {
    return tensor.defined() ? tensor.device_data<T>() : nullptr;
}

}  // namespace swingrad

// A tensor in a message is its description.
template <>
struct fmt::formatter<swingrad::Tensor> : fmt::formatter<std::string> {
    template <class Context>
    auto format(const swingrad::Tensor& tensor, Context& context) const {
        return fmt::formatter<std::string>::format(tensor.describe(), context);
    }
};
