#include "train/loop/trainer.h"

#include "models/nn/freeze.h"
#include "ops/ops.h"
#include "train/optim/clip.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace swingrad {
namespace {

const Recipe& valid(const Recipe& recipe) {
    validate(recipe);
    return recipe;
}

int64_t whole_batches(const Samples& samples, const Recipe& recipe) {
    check(samples.size() >= recipe.batch_size, "[train] a batch of {} needs as many samples to train on, got {}",
          recipe.batch_size, samples.size());
    return samples.size() / recipe.batch_size;
}

Module& prepared(Module& model, const Recipe& recipe) {
    if (!recipe.freeze.empty()) freeze(model, recipe.freeze);
    return model;
}

// 0 where targets can be no classes; whether they are shows with the first output.
int64_t classes_a_sample(const Samples& samples) {
    const int64_t first[] = {0};
    const Random any;
    const Tensor targets = samples.batch(first, &any).targets;  // as in training: those of mixed images are no classes
    return targets.dtype() == DType::int64 ? targets.numel() : 0;
}

Loss default_loss(const Samples& samples, double label_smoothing) {
    return samples.mixes_classes() ? shared_classification_loss(label_smoothing) : classification_loss(label_smoothing);
}

// A gradient that never arrives is a mistake in the model, and one that training hides well.
void require_all_gradients(const Parameters& parameters) {
    std::string names;
    for (const std::string& name : parameters.without_gradient()) names += (names.empty() ? "" : ", ") + name;
    check(names.empty(), "[train] no gradient reached {}", names);
}

}  // namespace

Random random_of(const Recipe& recipe, Purpose purpose) {
    return Random{static_cast<uint64_t>(recipe.seed), 0}.split(static_cast<uint64_t>(purpose));
}

WarmupCosine schedule_of(const Recipe& recipe, int64_t batches_per_epoch) {
    const auto warmup = std::llround(recipe.warmup_epochs * static_cast<double>(batches_per_epoch));
    const int64_t total = recipe.epochs * batches_per_epoch;
    return {.peak = recipe.lr, .warmup_steps = std::min<int64_t>(warmup, total), .total_steps = total};
}

Trainer::Trainer(const Recipe& recipe, Module& model, const Samples& samples, Loss loss)
    : recipe_(valid(recipe)),
      model_(prepared(model, recipe)),
      samples_(samples),
      loss_(loss ? std::move(loss) : default_loss(samples, recipe.label_smoothing)),
      parameters_(model_, dtype_of_precision(recipe.precision), random_of(recipe, Purpose::initial_values),
                  choose_device(recipe.device)),
      optimiser_(make_optimiser(parameters_, recipe)),
      buffers_before_(parameters_.buffers().clone()),
      batches_per_epoch_(whole_batches(samples, recipe)),
      classes_a_sample_(classes_a_sample(samples)),
      schedule_(schedule_of(recipe, batches_per_epoch_)),
      last_loss_(std::numeric_limits<double>::quiet_NaN()) {
    state_.batches_per_epoch = batches_per_epoch_;
    if (parameters_.device() == Device::cpu) return;
    steps_ = std::make_unique<DeviceSteps>(model_, parameters_, *optimiser_, recipe_, loss_);
    steps_->on_note = [this](const std::string& note) { (on_note ? on_note : note_on_stderr)(note); };
}

// ---- steps

double Trainer::step() {
    constexpr double seconds_unsettled = 0.5;  // so that there is something to show
    const auto start = Clock::now();
    if (!batches_) open_epoch();
    const auto batch = batches_->next();
    check(batch.has_value(), "[train] epoch {} has no batch {}", state_.epoch + 1, state_.batch + 1);
    if (steps_) step_on_device(*batch);
    else step_on_cpu(*batch);
    const auto since = [](Clock::time_point point) {
        return std::chrono::duration<double>(Clock::now() - point).count();
    };
    if (steps_ && (steps_->full() || epoch_done() || since(settled_) > seconds_unsettled)) settle();
    state_.epoch_seconds += since(start);
    return last_loss_;
}

Random Trainer::random_of_step() const {
    return random_of(recipe_, Purpose::drop_path).split(static_cast<uint64_t>(steps_done()));
}

Tensor Trainer::forward(const Batch& batch) {
    model_.train(random_of_step());
    return model_.forward(parameters_.as_input(batch.inputs));
}

void Trainer::step_on_cpu(const Batch& batch) {
    Outcome outcome;
    buffers_before_.copy_from(parameters_.buffers());
    {
        parameters_.zero_grad();
        Tape tape;
        const Tensor output = forward(batch), targets = parameters_.as_input(batch.targets);
        const Tensor loss = loss_(output, targets);
        if (!is_classification(output, targets)) classes_a_sample_ = 0;
        outcome.loss = loss.item();
        if (std::isfinite(outcome.loss)) {
            tape.backward(loss);
            if (optimiser_->steps() == 0) require_all_gradients(parameters_);
            outcome.norm =
                recipe_.clip_grad > 0 ? clip_gradients(parameters_, recipe_.clip_grad) : gradient_norm(parameters_);
            if (classifies()) outcome.correct = count_correct(output, targets);
        }
    }
    if (std::isfinite(outcome.loss) && std::isfinite(outcome.norm)) optimiser_->step(schedule_.at(steps_done()));
    else parameters_.buffers().copy_from(buffers_before_);
    count(outcome, batch);
}

void Trainer::step_on_device(const Batch& batch) {
    steps_->take(batch, random_of_step(), [&](int64_t i) { return schedule_.at(steps_done() + i); });
    if (!steps_->classifies()) classes_a_sample_ = 0;
    if (optimiser_->steps() == 0) require_all_gradients(parameters_);
    state_.batch += 1;
}

// What the steps on the device found is gone through as if each had been waited for. After one that is not finite the
// device has done nothing, so its batch is made and looked at here, with the parameters it saw, and the batches after
// it come again.
void Trainer::settle() {
    if (!steps_) return;
    state_.batch -= steps_->unread();
    for (const cuda::StepRecord& record : steps_->read()) {
        const Outcome outcome{record.loss, record.gradient_norm, record.correct};
        if (std::isfinite(outcome.loss) && std::isfinite(outcome.norm)) {
            optimiser_->set_steps(optimiser_->steps() + 1);
            count(outcome, {});
            continue;
        }
        steps_->forget_capture();
        open_epoch();
        count(outcome, *batches_->next());
        break;
    }
    settled_ = Clock::now();
}

void Trainer::count(const Outcome& outcome, const Batch& batch) {
    last_loss_ = outcome.loss;
    if (const std::string why = not_finite(outcome, batch); !why.empty()) {
        skip(why);
    } else {
        state_.loss_sum += outcome.loss;
        state_.gradient_norm_sum += outcome.norm;
        state_.correct += outcome.correct;
        state_.skipped_in_a_row = 0;
    }
    state_.batch += 1;
}

std::string Trainer::not_finite(const Outcome& outcome, const Batch& batch) {
    const int64_t number = steps_done() + 1;
    if (!std::isfinite(outcome.loss))
        return fmt::format("the loss of step {} is {}{}", number, outcome.loss, first_not_finite(batch));
    if (!std::isfinite(outcome.norm))
        return fmt::format("the gradient of step {} has norm {}{}", number, outcome.norm, first_not_finite(batch));
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
std::string Trainer::first_not_finite(const Batch& batch) {
    parameters_.zero_grad();
    buffers_before_.copy_from(parameters_.buffers());
    std::string first;  // stays empty where every value is finite, and only the sum of squares is not
    try {
        Tape tape;
        tape.check_finite();
        tape.backward(loss_(forward(batch), parameters_.as_input(batch.targets)));
    } catch (const Error& error) {
        first = fmt::format("; first at {}", error.what());
    }
    parameters_.buffers().copy_from(buffers_before_);
    return first;
}

// The samples of this epoch in their order, less those already seen. A sample is augmented by its own number and the
// epoch's, so that it does not matter in which batch, or in which process, it is seen.
void Trainer::open_epoch() {
    const auto epoch = static_cast<uint64_t>(state_.epoch);
    std::vector<int64_t> order = samples_.order_of_epoch(state_.epoch, random_of(recipe_, Purpose::order).split(epoch));
    order.erase(order.begin(), order.begin() + state_.batch * recipe_.batch_size);
    const Random random = random_of(recipe_, Purpose::augmentation).split(epoch);
    batches_.reset();  // before another holds memory of the device
    batches_.reset(
        new Loader(batches_of(samples_, std::move(order), recipe_.batch_size, true, random, parameters_.device())));
}

void Trainer::begin_next_epoch() {
    batches_.reset();
    state_.epoch += 1;
    state_.begin_epoch();
}

double Trainer::accuracy() const {
    if (classes_a_sample_ == 0) return std::numeric_limits<double>::quiet_NaN();
    const auto targets = static_cast<double>(recipe_.batch_size * classes_a_sample_);
    return 100.0 * static_cast<double>(state_.correct) / (batches_taken() * targets);
}

double Trainer::samples_per_second() const {
    return static_cast<double>(state_.batch * recipe_.batch_size) / state_.epoch_seconds;
}

// ---- checkpoint

void Trainer::save(const std::filesystem::path& path) {
    settle();
    save_run(path, recipe_, fixed_settings, state_, parameters_, *optimiser_);
}

void Trainer::load(const std::filesystem::path& path) {
    state_ = load_run(path, recipe_, fixed_settings, batches_per_epoch_, parameters_, *optimiser_);
    batches_.reset();
    if (steps_) steps_->read();  // what was asked for before no longer matters
}

}  // namespace swingrad
