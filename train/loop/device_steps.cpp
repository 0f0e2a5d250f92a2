#include "train/loop/device_steps.h"

#include "core/allocator.h"
#include "core/io/quotes.h"
#include "cuda/loss/count_correct.h"
#include "cuda/optim/gradient_norm.h"
#include "ops/ops.h"

#include <algorithm>
#include <cstdio>

namespace swingrad {

// Where stderr cannot be written nothing is lost but the note.
void note_on_stderr(const std::string& note) { std::fputs(("[train] " + on_one_line(note) + "\n").c_str(), stderr); }

DeviceSteps::DeviceSteps(Module& model, const Parameters& parameters, DeviceOptimiser& optimiser, const Recipe& recipe,
                         const Loss& loss)
    : model_(model),
      parameters_(parameters),
      optimiser_(optimiser),
      loss_(loss),
      max_norm_(recipe.clip_grad),
      capturable_(!model.draws_in_forward()),
      table_(parameters),
      buffers_before_(parameters.buffers().clone()),
      norm_(Tensor::empty({1}, DType::float64, Device::cuda)) {}

void DeviceSteps::take(const Batch& batch, const Random& random, const std::function<double(int64_t)>& learning_rate) {
    if (unread_ == 0) {
        cuda::StepControl control;
        for (int64_t i = 0; i < cuda::most_unread_steps; ++i) control.learning_rates[i] = learning_rate(i);
        control_.write(control);
    }
    write_inputs(batch, random);
    if (warm_ && capturable_ && !capture_) capture();
    if (capture_) {
        capture_->launch();
    } else {
        compute();
        warm_ = true;
    }
    ++unread_;
}

void DeviceSteps::capture() {
    release_cached(Device::cuda);  // the capture has memory of its own
    try {
        capture_ = std::make_unique<cuda::Graph>([&] { compute(); });
    } catch (const Error& error) {
        if (!is_out_of_memory(error))
            fail(
                "[train] the step cannot be captured: {}; a model that reads values on the host must override "
                "draws_in_forward",
                error.what());
        capturable_ = false;
        const std::string note = fmt::format("steps are not captured as a graph, for want of memory: {}", error.what());
        (on_note ? on_note : note_on_stderr)(note);
    }
}

void DeviceSteps::write_inputs(const Batch& batch, const Random& random) {
    const Tensor inputs = parameters_.as_input(batch.inputs), targets = parameters_.as_input(batch.targets);
    if (!inputs_.defined()) {
        inputs_ = inputs.clone();
        targets_ = targets.clone();
    } else {
        inputs_.copy_from(inputs);
        targets_.copy_from(targets);
    }
    model_.train(random);
    model_.draw_ahead(inputs_.shape()[0], parameters_.dtype(), Device::cuda);
}

void DeviceSteps::compute() {
    buffers_before_.copy_from(parameters_.buffers());
    parameters_.zero_grad();
    Tape tape;
    const Tensor output = model_.forward(inputs_), loss = loss_(output, targets_);
    tape.backward(loss);

    classifies_ = is_classification(output, targets_);
    if (classifies_)
        dispatch_any_float("train", output.dtype(), [&]<class T>(T) {
            cuda::count_correct(output.shape().rows(), output.shape()[-1], output.device_data<T>(),
                                targets_.device_data<int64_t>(), &control_.data()->correct);
        });
    dispatch_float("train", loss.dtype(), [&]<class W>(W) {
        cuda::gradient_norm(table_.current(), parameters_.gradients().device_data<W>(),
                            device_data_or_null<bfloat16>(parameters_.copies_gradients()), norm_.device_data<double>());
        cuda::close_step(loss.device_data<W>(), norm_.device_data<double>(), max_norm_, control_.data());
        cuda::restore_where_halted(buffers_before_.numel(), buffers_before_.device_data<W>(),
                                   parameters_.buffers().device_data<W>(), control_.data());
    });
    optimiser_.step_by(control_.data());
}

std::vector<cuda::StepRecord> DeviceSteps::read() {
    if (unread_ == 0) return {};
    const cuda::StepControl control = control_.read();
    const std::vector<cuda::StepRecord> records(control.records, control.records + unread_);
    unread_ = 0;
    return records;
}

void DeviceSteps::forget_capture() { capture_.reset(); }

}  // namespace swingrad
