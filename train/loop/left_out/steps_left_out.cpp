// What becomes of a step whose loss or gradient is not finite: it is left out, or the training ends, with the first
// node that put such a value out.

#include "train/loop/trainer.h"

#include <cmath>

namespace swingrad {

std::string Trainer::not_finite(const Outcome& outcome) {
    const int64_t number = steps_done() + 1;
    if (!std::isfinite(outcome.loss))
        return fmt::format("the loss of step {} is {}{}", number, outcome.loss, first_not_finite());
    if (!std::isfinite(outcome.norm))
        return fmt::format("the gradient of step {} has norm {}{}", number, outcome.norm, first_not_finite());
    return "";
}

void Trainer::skip(const std::string& why) {
    if (recipe_.on_nan == "stop") fail("[train] {}; a lower learning rate may help", why);
    check(state_.skipped_in_a_row + 1 < most_skipped_in_a_row,
          "[train] {} steps in a row could not be taken; {}; a lower learning rate may help", most_skipped_in_a_row,
          why);
    state_.skipped += 1;
    state_.skipped_in_a_row += 1;
    if (on_skip) on_skip(why + "; left out");
}

// The step once more, every node looked at: too slow for every step, and its draws come out the same.
std::string Trainer::first_not_finite() {
    open_epoch(whole());  // at this step's batches
    buffers_before_.copy_from(parameters_.buffers());
    model_.train(random_of_step());
    std::string first;  // stays empty where every value is finite, and only the sum of squares is not
    try {
        Batch batch;
        for (int64_t i = 0; i < batches_of_step(state_.batch) * micro_batches_; ++i) {
            if (i % micro_batches_ == 0) batch = next_batch();
            const Batch part = part_of(batch, i);
            const auto drawn = micro_batch(i);
            parameters_.zero_grad();
            Tape tape;
            tape.check_finite();
            const Tensor output = model_.forward(parameters_.as_input(part.inputs));
            tape.backward(loss_(output, parameters_.as_input(part.targets)));
        }
    } catch (const Error& error) {
        first = fmt::format("; first at {}", error.what());
    }
    parameters_.buffers().copy_from(buffers_before_);
    batches_.reset();  // the next step begins with its own
    return first;
}

}  // namespace swingrad
