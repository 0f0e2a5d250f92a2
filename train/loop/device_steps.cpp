#include "train/loop/device_steps.h"

#include "core/allocator.h"
#include "core/io/quotes.h"
#include "cuda/loss/count_correct.h"
#include "cuda/optim/gradient_norm.h"
#include "cuda/toolkit/sums.h"
#include "ops/ops.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

namespace swingrad {

// Where stderr cannot be written nothing is lost but the note.
void note_on_stderr(const std::string& note) { std::fputs(("[train] " + on_one_line(note) + "\n").c_str(), stderr); }

DeviceSteps::DeviceSteps(Module& model, const Parameters& parameters, DeviceOptimiser& optimiser,
                         const Clipping& clipping, MeanGradient* mean_gradient, const Loss& loss)
    : model_(model),
      parameters_(parameters),
      optimiser_(optimiser),
      loss_(loss),
      clipping_(clipping),
      mean_gradient_(mean_gradient),
      capturable_(!model.draws_in_forward()),
      table_(parameters),
      buffers_before_(parameters.buffers().clone()),
      norm_(Tensor::empty({1}, DType::float64, Device::cuda)) {}

void DeviceSteps::take(const std::function<Batch(int64_t)>& batch, Random random,
                       const std::function<Numbers(int64_t)>& numbers) {
    if (unread_ == 0) {
        cuda::StepControl control;
        for (int64_t i = 0; i < cuda::most_unread_steps; ++i) {
            const Numbers of_step = numbers(i);
            control.learning_rates[i] = of_step.learning_rate;
            control.batches[i] = static_cast<int32_t>(of_step.micro_batches);
        }
        control_.write(control);
    }
    if (mean_gradient_) {
        begin();
        const int64_t count = numbers(0).micro_batches;
        mean_gradient_->begin(count);
        const Share own = share_of(ranks_->rank(), ranks_->size(), micro_batches_);
        bool first = true;
        for (int64_t i = 0; i < count; ++i) {
            if (!own.has(i % micro_batches_)) continue;
            const MicroBatch number(i);
            write_inputs(batch(i), random);
            run(step_, [&] { pass(std::exchange(first, false)); });
            mean_gradient_->add_landed(i);
        }
        mean_gradient_->sum_landed(count);
        sum_correct();
        run(end_, [&] { end(); });
    } else {
        write_inputs(batch(0), random);
        run(step_, [&] {
            begin();
            pass(true);
            end();
        });
    }
    warm_ = true;
    ++unread_;
}

void DeviceSteps::share(Ranks& ranks, int64_t micro_batches) {
    check(ranks.size() <= micro_batches, "[train] on a device {} ranks need as many micro-batches, got {}",
          ranks.size(), micro_batches);
    ranks_ = &ranks;
    micro_batches_ = micro_batches;
}

void DeviceSteps::sum_correct() const {
    if (ranks_->size() == 1) return;
    int64_t* const counted = &control_.data()->correct;
    int64_t own = 0, sum = 0;
    memory_of(Device::cuda).copy_to_host(&own, counted, sizeof own);
    const auto all = ranks_->gather(std::as_bytes(std::span(&own, 1)),
                                    std::vector<size_t>(static_cast<size_t>(ranks_->size()), sizeof own));
    for (size_t at = 0; at < all.size(); at += sizeof own) {
        std::memcpy(&own, all.data() + at, sizeof own);
        sum += own;
    }
    memory_of(Device::cuda).copy_from_host(counted, &sum, sizeof sum);
}

void DeviceSteps::run(std::unique_ptr<cuda::Graph>& graph, const std::function<void()>& work) {
    if (warm_ && capturable_ && !graph) capture(graph, work);
    if (graph) graph->launch();
    else work();
}

void DeviceSteps::capture(std::unique_ptr<cuda::Graph>& graph, const std::function<void()>& work) {
    release_cached(Device::cuda);  // the capture has memory of its own
    try {
        graph = std::make_unique<cuda::Graph>(work);
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

void DeviceSteps::write_inputs(const Batch& batch, Random random) {
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

void DeviceSteps::begin() { buffers_before_.copy_from(parameters_.buffers()); }

// What a graph repeats is a first pass, whose gradients replace what is there.
void DeviceSteps::pass(bool first) {
    if (first) parameters_.zero_grad();
    Tape tape;
    const Tensor output = model_.forward(inputs_), loss = loss_(output, targets_);
    const Tensor& gradients = parameters_.gradients();
    cuda::DeferredSums sums(gradients.address(), gradients.bytes());
    tape.backward(loss);
    sums.finish();

    classifies_ = is_classification(output, targets_);
    if (classifies_)
        dispatch_any_float("train", output.dtype(), [&]<class T>(T) {
            cuda::count_correct(output.shape().rows(), output.shape()[-1], output.device_data<T>(),
                                targets_.device_data<int64_t>(), &control_.data()->correct);
        });
    if (mean_gradient_) mean_gradient_->land(table_.current(), loss);
    else loss_of_step_ = loss.detached();
}

void DeviceSteps::end() {
    const Tensor loss = mean_gradient_ ? mean_gradient_->finish_by(table_.current(), control_.data()) : loss_of_step_;
    dispatch_float("train", loss.dtype(), [&]<class W>(W) {
        cuda::gradient_norm(table_.current(), parameters_.gradients().device_data<W>(),
                            device_data_or_null<bfloat16>(parameters_.copies_gradients()), norm_.device_data<double>());
        cuda::close_step(loss.device_data<W>(), norm_.device_data<double>(), clipping_.max_norm(), control_.data());
        cuda::restore_where_halted(buffers_before_.numel(), buffers_before_.device_data<W>(),
                                   parameters_.buffers().device_data<W>(), control_.data());
    });
    clipping_.clip_in_step(table_.current());
    optimiser_.step_by(control_.data());
    loss_of_step_ = Tensor();
}

std::vector<cuda::StepRecord> DeviceSteps::read() {
    if (unread_ == 0) return {};
    const cuda::StepControl control = control_.read();
    const std::vector<cuda::StepRecord> records(control.records, control.records + unread_);
    unread_ = 0;
    return records;
}

void DeviceSteps::forget_capture() {
    step_.reset();
    end_.reset();
}

}  // namespace swingrad
