#include "train/loop/trainer.h"

#include "core/threads.h"
#include "models/nn/freeze.h"
#include "ops/ops.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace swingrad {
namespace {

// With what it leaves to be chosen: a checkpoint says what was.
Recipe chosen(Recipe recipe, Module& model) {
    validate(recipe);
    recipe.micro_batches = micro_batches_of(recipe, !model.buffers().empty());
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

Trainer::Trainer(const Recipe& recipe, Module& model, const Samples& samples, Loss loss, Ranks& ranks)
    : recipe_(chosen(recipe, model)),
      model_(prepared(model, recipe)),
      samples_(samples),
      loss_(loss ? std::move(loss) : default_loss(samples, recipe.label_smoothing)),
      parameters_(with_rates(Parameters(model_, dtype_of_precision(recipe.precision),
                                        random_of(recipe, Purpose::initial_values), choose_device(recipe.device)),
                             model_, recipe.layer_decay)),
      ranks_(ranks),
      shards_(recipe.zero == 1 && ranks.size() > 1 ? std::make_unique<Shards>(parameters_, ranks) : nullptr),
      optimiser_(make_optimiser(parameters_, recipe, shards_.get())),
      clipping_(parameters_, clip_mode_named(recipe.clip_mode), recipe.clip_grad, shards_.get()),
      micro_batches_(recipe_.micro_batches),
      own_(share_of(ranks.rank(), ranks.size(), micro_batches_)),
      mean_gradient_(recipe.grad_accum_steps * micro_batches_ > 1 || ranks.size() > 1
                         ? std::make_unique<MeanGradient>(parameters_)
                         : nullptr),
      buffers_before_(parameters_.buffers().clone()),
      loaded_batches_(whole_batches(samples, recipe)),
      batches_per_epoch_(steps_of_epoch(recipe, samples.size())),
      classes_a_sample_(classes_a_sample(samples)),
      schedule_(schedule_of(recipe, batches_per_epoch_)),
      last_loss_(std::numeric_limits<double>::quiet_NaN()) {
    state_.batches_per_epoch = batches_per_epoch_;
    check(ranks.size() == 1 || parameters_.buffers().numel() == 0,
          "[train] {} ranks: a model with running statistics takes a batch whole, in one process", ranks.size());
    if (mean_gradient_) mean_gradient_->share({&ranks, micro_batches_, recipe.reduce == "ordered", shards_.get()});
    if (parameters_.device() == Device::cpu) return;
    steps_ = std::make_unique<DeviceSteps>(model_, parameters_, *optimiser_, clipping_, mean_gradient_.get(), loss_);
    if (ranks.size() > 1) steps_->share(ranks, micro_batches_);
    steps_->on_note = [this](const std::string& note) { (on_note ? on_note : note_on_stderr)(note); };
}

// ---- steps

double Trainer::step() {
    constexpr double seconds_unsettled = 0.5;  // so that there is something to show
    const auto start = Clock::now();
    ranks_.at_step(steps_done() + 1);
    if (!batches_ && own_.count > 0) open_epoch(samples_.mixes_classes() ? whole() : own_);
    if (shards_ && !keeps_own_part_) keep_own_part();
    if (steps_) step_on_device();
    else step_on_cpu();
    const auto since = [](Clock::time_point point) {
        return std::chrono::duration<double>(Clock::now() - point).count();
    };
    // Several ranks at the same steps, whatever time it is: after one that is left out all ask for the next ones again.
    const bool now = ranks_.size() > 1 || epoch_done() || since(settled_) > seconds_unsettled;
    if (steps_ && (steps_->full() || now)) settle();
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

Batch Trainer::part_of(const Batch& batch, int64_t number) const {
    if (micro_batches_ == 1) return batch;
    const int64_t samples = recipe_.batch_size / micro_batches_;
    const int64_t begin = (number % micro_batches_ - loaded_.first) * samples;
    return {batch.inputs.slice(begin, begin + samples), batch.targets.slice(begin, begin + samples)};
}

// What modules draw for: the batch, where a step takes one whole.
std::optional<MicroBatch> Trainer::micro_batch(int64_t number) const {
    if (recipe_.grad_accum_steps * micro_batches_ == 1) return std::nullopt;
    return std::optional<MicroBatch>(std::in_place, number);
}

Trainer::Outcome Trainer::pass(const Batch& part) const {
    Tape tape;
    const Tensor output = model_.forward(parameters_.as_input(part.inputs)),
                 targets = parameters_.as_input(part.targets);
    const Tensor loss = loss_(output, targets);
    const bool classes = classifies() && is_classification(output, targets);
    const Outcome outcome{loss.item(), 0, classes ? count_correct(output, targets) : 0, classes};
    if (std::isfinite(outcome.loss)) tape.backward(loss);
    return outcome;
}

Trainer::Outcome Trainer::joined(const std::vector<Outcome>& outcomes) {
    Outcome all;
    for (const Outcome& one : outcomes) {
        all.loss += one.loss;
        all.correct += one.correct;
        all.classes = all.classes && one.classes;
    }
    all.loss /= static_cast<double>(outcomes.size());
    return all;
}

void Trainer::step_on_cpu() {
    const int64_t batches = batches_of_step(state_.batch), passes = batches * micro_batches_;
    buffers_before_.copy_from(parameters_.buffers());
    parameters_.zero_grad();
    model_.train(random_of_step());
    std::vector<Outcome> outcomes(static_cast<size_t>(passes));
    if (mean_gradient_) {
        const bool at_once = worth_a_thread_each(own_.count, thread_count()) && !model_.draws_in_forward();
        mean_gradient_->begin(passes);
        for (int64_t first = 0; first < passes && own_.count > 0; first += micro_batches_) {
            const Batch batch = next_batch();
            mean_gradient_->add(first + own_.first, own_.count, at_once, [&](int64_t number) {
                const auto drawn = micro_batch(number);
                outcomes[static_cast<size_t>(number)] = pass(part_of(batch, number));
            });
        }
        if (ranks_.size() > 1) tell_of_step(outcomes);
    } else {
        outcomes[0] = pass(next_batch());
    }
    Outcome outcome = joined(outcomes);
    if (!outcome.classes) classes_a_sample_ = 0;
    if (std::isfinite(outcome.loss)) {
        if (mean_gradient_) mean_gradient_->finish(passes);
        if (optimiser_->steps() == 0) require_all_gradients(parameters_);
        outcome.norm = clipping_.clip();
    }
    if (std::isfinite(outcome.loss) && std::isfinite(outcome.norm)) {
        optimiser_->step(schedule_.at(steps_done()));
        if (shards_) shards_->gather_weights();
    } else {
        parameters_.buffers().copy_from(buffers_before_);
    }
    count(outcome);
}

void Trainer::step_on_device() {
    const auto of_step = [&](int64_t i) {
        const int64_t step = (state_.batch + i) % batches_per_epoch_;
        return DeviceSteps::Numbers{schedule_.at(steps_done() + i), batches_of_step(step) * micro_batches_};
    };
    Batch batch;
    const auto part = [&](int64_t number) {
        if (number % micro_batches_ == own_.first) batch = next_batch();
        return part_of(batch, number);
    };
    steps_->take(part, random_of_step(), of_step);
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

// The samples of this epoch in their order, less those already seen. A sample is augmented by its own number and the
// epoch's, so that it does not matter in which batch, or in which process, it is seen.
void Trainer::open_epoch(Share loaded) {
    const auto epoch = static_cast<uint64_t>(state_.epoch);
    std::vector<int64_t> order = samples_.order_of_epoch(state_.epoch, random_of(recipe_, Purpose::order).split(epoch));
    const int64_t seen = state_.batch * recipe_.grad_accum_steps * recipe_.batch_size;
    order.erase(order.begin(), order.begin() + std::min(seen, static_cast<int64_t>(order.size())));
    loaded_ = loaded;
    const int64_t each = recipe_.batch_size / micro_batches_, size = loaded.count * each;
    if (size < recipe_.batch_size) order = of_each_batch(order, recipe_.batch_size, loaded.first * each, size);
    const Random random = random_of(recipe_, Purpose::augmentation).split(epoch);
    batches_.reset();  // before another holds memory of the device
    batches_.reset(new Loader(batches_of(samples_, std::move(order), size, true, random, parameters_.device())));
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

// ---- checkpoint; saved in train/loop/together/trainer_of_ranks.cpp

void Trainer::load(const std::filesystem::path& path) {
    state_ = load_run(path, recipe_, fixed_settings, batches_per_epoch_, parameters_, *optimiser_);
    batches_.reset();
    keeps_own_part_ = false;
    if (steps_) steps_->read();  // what was asked for before no longer matters
}

}  // namespace swingrad
