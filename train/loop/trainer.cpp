#include "train/loop/trainer.h"

#include "models/nn/freeze.h"
#include "ops/ops.h"

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
    if (samples.labels_pixels()) return 0;  // those to be ignored would count as wrong
    const int64_t first[] = {0};
    const Random any;
    const Tensor targets = samples.batch(first, &any).targets;  // as in training: those of mixed images are no classes
    return targets.dtype() == DType::int64 ? targets.numel() : 0;
}

Loss default_loss(const Samples& samples, double label_smoothing) {
    return samples.mixes_classes() ? shared_classification_loss(label_smoothing) : classification_loss(label_smoothing);
}

Parameters with_rates(Parameters parameters, const Module& model, double layer_decay) {
    if (layer_decay == 1) return parameters;
    try {
        parameters.decay_rates(model, layer_decay);
    } catch (const Error& error) {
        fail_usage("--layer-decay {}: {}", layer_decay, error.what());
    }
    return parameters;
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

Trainer::Trainer(const Recipe& recipe, Module& model, const Samples& samples, Loss loss)
    : recipe_(valid(recipe)),
      model_(prepared(model, recipe)),
      samples_(samples),
      loss_(loss ? std::move(loss) : default_loss(samples, recipe.label_smoothing)),
      parameters_(with_rates(Parameters(model_, dtype_of_precision(recipe.precision),
                                        random_of(recipe, Purpose::initial_values), choose_device(recipe.device)),
                             model_, recipe.layer_decay)),
      optimiser_(make_optimiser(parameters_, recipe)),
      clipping_(parameters_, clip_mode_named(recipe.clip_mode), recipe.clip_grad),
      mean_gradient_(recipe.grad_accum_steps > 1 ? std::make_unique<MeanGradient>(parameters_) : nullptr),
      buffers_before_(parameters_.buffers().clone()),
      loaded_batches_(whole_batches(samples, recipe)),
      batches_per_epoch_(steps_of_epoch(recipe, samples.size())),
      classes_a_sample_(classes_a_sample(samples)),
      schedule_(schedule_of(recipe, batches_per_epoch_)),
      last_loss_(std::numeric_limits<double>::quiet_NaN()) {
    state_.batches_per_epoch = batches_per_epoch_;
    if (parameters_.device() == Device::cpu) return;
    steps_ = std::make_unique<DeviceSteps>(model_, parameters_, *optimiser_, clipping_, mean_gradient_.get(), loss_);
    steps_->on_note = [this](const std::string& note) { (on_note ? on_note : note_on_stderr)(note); };
}

// ---- steps

double Trainer::step() {
    constexpr double seconds_unsettled = 0.5;  // so that there is something to show
    const auto start = Clock::now();
    if (!batches_) open_epoch();
    if (steps_) step_on_device();
    else step_on_cpu();
    const auto since = [](Clock::time_point point) {
        return std::chrono::duration<double>(Clock::now() - point).count();
    };
    if (steps_ && (steps_->full() || epoch_done() || since(settled_) > seconds_unsettled)) settle();
    state_.epoch_seconds += since(start);
    return last_loss_;
}

int64_t Trainer::batches_of_step(int64_t step_of_epoch) const {
    return std::min(recipe_.grad_accum_steps, loaded_batches_ - step_of_epoch * recipe_.grad_accum_steps);
}

Batch Trainer::next_batch() {
    auto batch = batches_->next();
    check(batch.has_value(), "[train] epoch {} has no batch {}", state_.epoch + 1, state_.batch + 1);
    return std::move(*batch);
}

// The step that ends an epoch may have fewer batches. Where it was left out, it was the last to be.
double Trainer::batches_taken() const {
    const bool short_one = steps_read() == batches_per_epoch_ && state_.skipped_in_a_row == 0;
    const int64_t missing = short_one ? recipe_.grad_accum_steps - batches_of_step(batches_per_epoch_ - 1) : 0;
    return steps_taken() * static_cast<double>(recipe_.grad_accum_steps) - static_cast<double>(missing);
}

Random Trainer::random_of_batch(int64_t number) const {
    const Random of_step = random_of(recipe_, Purpose::drop_path).split(static_cast<uint64_t>(steps_done()));
    return recipe_.grad_accum_steps == 1 ? of_step : of_step.split(static_cast<uint64_t>(number));
}

Tensor Trainer::forward(const Batch& batch, int64_t number) {
    model_.train(random_of_batch(number));
    return model_.forward(parameters_.as_input(batch.inputs));
}

void Trainer::step_on_cpu() {
    const int64_t batches = batches_of_step(state_.batch);
    Outcome outcome;
    buffers_before_.copy_from(parameters_.buffers());
    parameters_.zero_grad();
    if (mean_gradient_) mean_gradient_->begin();
    for (int64_t i = 0; i < batches; ++i) {
        const Batch batch = next_batch();
        Tape tape;
        const Tensor output = forward(batch, i), targets = parameters_.as_input(batch.targets);
        const Tensor loss = loss_(output, targets);
        if (!is_classification(output, targets)) classes_a_sample_ = 0;
        outcome.loss += loss.item() / static_cast<double>(batches);
        if (!std::isfinite(outcome.loss)) break;
        tape.backward(loss);
        if (mean_gradient_) mean_gradient_->add();
        if (classifies()) outcome.correct += count_correct(output, targets);
    }
    if (std::isfinite(outcome.loss)) {
        if (mean_gradient_) mean_gradient_->finish(batches);
        if (optimiser_->steps() == 0) require_all_gradients(parameters_);
        outcome.norm = clipping_.clip();
    }
    if (std::isfinite(outcome.loss) && std::isfinite(outcome.norm)) optimiser_->step(schedule_.at(steps_done()));
    else parameters_.buffers().copy_from(buffers_before_);
    count(outcome);
}

void Trainer::step_on_device() {
    const auto of_step = [&](int64_t i) {
        const int64_t step = (state_.batch + i) % batches_per_epoch_;
        return DeviceSteps::Numbers{schedule_.at(steps_done() + i), batches_of_step(step)};
    };
    const auto batch = [&](int64_t number) { return DeviceSteps::Drawn{next_batch(), random_of_batch(number)}; };
    steps_->take(batch, of_step);
    if (!steps_->classifies()) classes_a_sample_ = 0;
    if (optimiser_->steps() == 0) require_all_gradients(parameters_);
    state_.batch += 1;
}

// What the steps on the device found is gone through as if each had been waited for. After one that is not finite the
// device has done nothing, so its batches are made and looked at here, with the parameters it saw, and those after it
// come again.
void Trainer::settle() {
    if (!steps_) return;
    state_.batch -= steps_->unread();
    for (const cuda::StepRecord& record : steps_->read()) {
        const Outcome outcome{record.loss, record.gradient_norm, record.correct};
        if (std::isfinite(outcome.loss) && std::isfinite(outcome.norm)) {
            optimiser_->set_steps(optimiser_->steps() + 1);
            count(outcome);
            continue;
        }
        steps_->forget_capture();
        count(outcome);
        break;
    }
    settled_ = Clock::now();
}

void Trainer::count(const Outcome& outcome) {
    last_loss_ = outcome.loss;
    if (const std::string why = not_finite(outcome); !why.empty()) {
        skip(why);
    } else {
        state_.loss_sum += outcome.loss * static_cast<double>(batches_of_step(state_.batch));
        state_.gradient_norm_sum += outcome.norm;
        state_.correct += outcome.correct;
        state_.skipped_in_a_row = 0;
    }
    state_.batch += 1;
}

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
    open_epoch();  // at this step's batches
    buffers_before_.copy_from(parameters_.buffers());
    std::string first;  // stays empty where every value is finite, and only the sum of squares is not
    try {
        for (int64_t i = 0; i < batches_of_step(state_.batch); ++i) {
            const Batch batch = next_batch();
            parameters_.zero_grad();
            Tape tape;
            tape.check_finite();
            tape.backward(loss_(forward(batch, i), parameters_.as_input(batch.targets)));
        }
    } catch (const Error& error) {
        first = fmt::format("; first at {}", error.what());
    }
    parameters_.buffers().copy_from(buffers_before_);
    batches_.reset();  // the next step begins with its own
    return first;
}

// The samples of this epoch in their order, less those already seen. A sample is augmented by its own number and the
// epoch's, so that it does not matter in which batch, or in which process, it is seen.
void Trainer::open_epoch() {
    const auto epoch = static_cast<uint64_t>(state_.epoch);
    std::vector<int64_t> order = samples_.order_of_epoch(state_.epoch, random_of(recipe_, Purpose::order).split(epoch));
    const int64_t seen = state_.batch * recipe_.grad_accum_steps * recipe_.batch_size;
    order.erase(order.begin(), order.begin() + std::min(seen, static_cast<int64_t>(order.size())));
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
    const int64_t batches = std::min(state_.batch * recipe_.grad_accum_steps, loaded_batches_);
    return static_cast<double>(batches * recipe_.batch_size) / state_.epoch_seconds;
}

AveragedInPlace Trainer::averaged_in_place() {
    settle();
    return AveragedInPlace(optimiser_->average());
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
