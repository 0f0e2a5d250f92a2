// The flat memory of Parameters as kernels pass over it (cuda/optim/flat.h), and what steps are told in device memory.
#pragma once

#include "cuda/optim/flat.h"
#include "cuda/optim/training_step.h"
#include "models/nn/parameters.h"

#include <vector>

namespace swingrad {

// The table of Parameters that live on a GPU, in its memory.
class FlatTable {
  public:
    // Of the entries that `of` says, or where it is empty of all; the others never count as received.
    explicit FlatTable(const Parameters& parameters, std::vector<bool> of = {});

    // As it stands: which parameters have received a gradient is looked up, and copied where it has changed, which from
    // one step of a training to the next it never does.
    cuda::FlatTable current();

  private:
    Parameters parameters_;  // handles on the same memory
    std::vector<bool> of_;
    std::vector<cuda::FlatEntry> host_entries_;
    Tensor pieces_, entries_;  // bytes
    int64_t piece_count_ = 0;
};

// A StepControl in device memory. Writing and reading wait for the device.
class DeviceStepControl {
  public:
    cuda::StepControl* data() const { return reinterpret_cast<cuda::StepControl*>(memory_.device_data<uint8_t>()); }
    void write(const cuda::StepControl& control) const {
        memory_of(Device::cuda).copy_from_host(data(), &control, sizeof control);
    }
    cuda::StepControl read() const {
        cuda::StepControl control;
        memory_of(Device::cuda).copy_to_host(&control, data(), sizeof control);
        return control;
    }

  private:
    Tensor memory_ = Tensor::empty({sizeof(cuda::StepControl)}, DType::uint8, Device::cuda);
};

// The control of one step by itself.
inline DeviceStepControl control_of(double learning_rate) {
    cuda::StepControl control;
    control.current = 0;
    control.learning_rates[0] = learning_rate;
    const DeviceStepControl on_device;
    on_device.write(control);
    return on_device;
}

}  // namespace swingrad
