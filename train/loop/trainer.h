// Trainer: one model learning from one set of samples, a step at a time.
//
// A step's batch is computed in micro-batches (Recipe::micro_batches), on the CPU on a thread each: less memory is in
// use at a time, no thread waits for another, and the gradients' sum does not depend on who computed which.
//
// Everything random is a function of (seed, purpose, epoch or step), see core/random.h. So where a run stands is a
// few numbers, RunState, beside the parameters and the optimiser's memory, and a run that is saved, loaded and
// continued, in the middle of an epoch too, ends with the same bits as one that never stopped.
//
// On a GPU the host only asks for steps, and reads their results every now and then. After a step whose loss or
// gradient is not finite, no step changes anything until the host has read that; then it asks for the later ones again.
// So what a run computes does not depend on when the host reads.
#pragma once

#include "train/data/loader.h"
#include "train/loop/device_steps.h"
#include "train/loop/loss.h"
#include "train/loop/recipe.h"
#include "train/optim/average.h"
#include "train/optim/clipping.h"
#include "train/optim/mean_gradient.h"
#include "train/optim/optimiser.h"
#include "train/optim/schedule.h"
#include "train/ranks/shares.h"

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace swingrad {

// What the seed is split into.
enum class Purpose : uint64_t { initial_values, hold_out, order, augmentation, drop_path };
Random random_of(const Recipe& recipe, Purpose purpose);

// The learning rate of every step of a run (train/loop/run_state.cpp). A warm-up longer than the run rises to its end.
Schedule schedule_of(const Recipe& recipe, int64_t steps_per_epoch);
// How many steps an epoch of so many samples has. One that lacks batches to grad_accum_steps counts.
int64_t steps_of_epoch(const Recipe& recipe, int64_t samples);

// A batch here is what a step takes: with grad_accum_steps several of the recipe's batches.
struct RunState {
    int64_t epoch = 0;  // epochs done
    int64_t batch = 0;  // batches of the current epoch done (on a GPU, asked for), and over these:
    double loss_sum = 0, gradient_norm_sum = 0;
    int64_t correct = 0;           // targets
    int64_t skipped = 0;           // of these batches, how many were left out as not finite
    int64_t skipped_in_a_row = 0;  // up to the last batch, over epochs
    double epoch_seconds = 0;      // of training alone
    double seconds = 0;            // of the epochs done, evaluation included
    double best_accuracy = -1;     // or another score (Evaluation), on the validation samples; below 0 before the first
    double best_loss = 0;          // of the same epoch
    int64_t best_epoch = 0;        // 1 is the first
    // Batches an epoch; 0 in a checkpoint of before it was saved. Where the samples have changed in number, the epochs
    // before had others: by so many steps more were taken than epochs, batches and this number say.
    int64_t batches_per_epoch = 0, steps_apart = 0;

    // No batch of the current epoch is done.
    void begin_epoch();
    // No epoch has been the best yet.
    void forget_best();
};

inline constexpr int64_t most_skipped_in_a_row = 10;  // such a run does not recover

// ---- a checkpoint: parameters, the optimiser's memory, the state, and the recipe (train/loop/run_state.cpp)

// With `shards` of this rank's entries.
std::unique_ptr<DeviceOptimiser> make_optimiser(const Parameters& parameters, const Recipe& recipe,
                                                const Shards* shards = nullptr);

// Whether a setting may change between one start of a run and the next: it decides where, and what is kept, and no
// result.
bool may_change(std::string_view setting);

// What marks the checkpoints of one run, in `fixed`: one with another mark is of another run. Those of version 0.1 have
// none.
inline constexpr const char* identity_setting = "identity";
// In `fixed`, an array: how many epochs the run had before they were raised. Its checkpoints may have been made so.
inline constexpr const char* epochs_before_setting = "epochs-before";

// `fixed`: what else decides the results and cannot change, such as the images' augmentation. `shards`: as of
// save_checkpoint.
void save_run(const std::filesystem::path& path, const Recipe& recipe, const nlohmann::json& fixed,
              const RunState& state, const Parameters& parameters, const Optimiser& optimiser,
              const Shards* shards = nullptr);

// The same back, of a run of so many batches an epoch. Throws an Error where the file is damaged, does not fit, or
// holds a number that cannot be in such a run; a UsageError where it was made by a recipe that gives other results.
// Then nothing has been changed. Where it was saved with another number of batches an epoch, as its samples were
// others, the epoch it was in begins anew.
RunState load_run(const std::filesystem::path& path, const Recipe& recipe, const nlohmann::json& fixed,
                  int64_t batches_per_epoch, const Parameters& parameters, Optimiser& optimiser);

class Trainer {
  public:
    // Allocates the model's parameters and draws their start. `model` and `samples` must outlive the trainer. `loss`
    // may be empty: classification_loss with the recipe's label smoothing, or where the samples mix classes
    // shared_classification_loss. Freezes what the recipe says; its init is the caller's business
    // (train/transfer/initial_weights.h). Throws an Error where the recipe is not valid, or there is less than a batch
    // of samples. With several `ranks`, all of them train the same: each computes some of a step's micro-batches, and
    // all end with the bits of one process. What follows is to be called by all of them alike. With the recipe's zero
    // each keeps a part of the optimiser's memory (train/optim/shards.h).
    Trainer(const Recipe& recipe, Module& model, const Samples& samples, Loss loss = {}, Ranks& ranks = world());

    // Takes the next batch of this epoch, or with grad_accum_steps the next few, of which an epoch's last step has what
    // is left: forward, backward, update. Returns the batches' mean loss; on a GPU the last one
    // that is known, NaN where none is. Where loss or gradient is not finite, no parameter and nothing of the optimiser
    // changes; then throws an Error naming the step, and the node, or, with the recipe's on_nan "skip", hands that text
    // to `on_skip` and counts the step as done. Throws even with "skip" after most_skipped_in_a_row of these: such a
    // run does not recover. On a GPU all that happens in settle(), which step() calls now and then, and at the end of
    // an epoch.
    double step();
    // Waits until all steps asked for are done or, after one left out, to be asked for again.
    void settle();
    double last_loss() const { return last_loss_; }  // as step() returned it, or as it is known since
    std::function<void(const std::string& why)> on_skip;
    std::function<void(const std::string& note)> on_note;  // what else a user should know
    // Of several ranks: asked once a step; once it is so on any, all of them agree.
    std::function<bool()> wants_to_stop;
    bool stop_agreed();
    // Saved with each checkpoint, and compared with it on loading: what decides the results beside the recipe. An
    // object, or null.
    nlohmann::json fixed_settings;

    bool epoch_done() const { return state_.batch == batches_per_epoch_; }
    void begin_next_epoch();
    bool finished() const { return state_.epoch == recipe_.epochs; }

    int64_t batches_per_epoch() const { return batches_per_epoch_; }  // steps
    int64_t steps_done() const { return state_.epoch * batches_per_epoch_ + state_.batch; }
    int64_t steps_in_all() const { return recipe_.epochs * batches_per_epoch_; }
    double learning_rate_of(int64_t step) const { return schedule_.at(step); }  // 0 is the first

    // Means over the steps of the current epoch done, less those left out; NaN where all were.
    double mean_loss() const { return state_.loss_sum / batches_taken(); }
    double mean_gradient_norm() const { return state_.gradient_norm_sum / steps_taken(); }
    double accuracy() const;  // percent of targets, on samples as augmented; NaN where targets are no classes
    bool classifies() const { return classes_a_sample_ > 0; }  // there is an accuracy
    double samples_per_second() const;

    RunState& state() { return state_; }
    const RunState& state() const { return state_; }
    Module& model() { return model_; }
    const Parameters& parameters() const { return parameters_; }
    Optimiser& optimiser() { return *optimiser_; }
    const Optimiser& optimiser() const { return *optimiser_; }

    // With model_ema, the averaged weights in the place of the trained ones, for as long as what is returned lives.
    // Else nothing.
    AveragedInPlace averaged_in_place();

    // Checkpoint: save_run after settling, and load_run. And save_weights. Rank 0 writes; the others send what it
    // lacks.
    void save(const std::filesystem::path& path);
    void load(const std::filesystem::path& path);
    void save_weights(const std::filesystem::path& path, const std::map<std::string, std::string>& metadata) const;
    bool is_sharded() const { return shards_ != nullptr; }

  private:
    using Clock = std::chrono::steady_clock;
    void open_epoch(Share loaded);
    Share whole() const { return {0, micro_batches_}; }
    Batch next_batch();
    int64_t batches_of_step(int64_t step_of_epoch) const;
    Random random_of_step() const { return random_of(recipe_, Purpose::drop_path).split(steps_done()); }
    // Micro-batches count over all batches of a step. This is the one `number` of them, of the batch it is in.
    Batch part_of(const Batch& batch, int64_t number) const;
    int64_t steps_read() const { return state_.batch - (steps_ ? steps_->unread() : 0); }
    double steps_taken() const { return static_cast<double>(steps_read() - state_.skipped); }
    double batches_taken() const;
    struct Outcome {
        double loss = 0, norm = 0;
        int64_t correct = 0;
        bool classes = true;  // targets are classes for what the model puts out
    };
    void step_on_cpu();
    void step_on_device();
    // The next step as it turned out.
    void count(const Outcome& outcome);
    // What is wrong where loss or gradient is not finite, nothing where all is well.
    std::string not_finite(const Outcome& outcome);
    void skip(const std::string& why);
    // "; first at [op] node ...", by repeating the step; changes gradients only.
    std::string first_not_finite();
    std::optional<MicroBatch> micro_batch(int64_t number) const;
    // Forward and, where the loss is finite, backward of one micro-batch, with its random numbers.
    Outcome pass(const Batch& part) const;
    // What each rank says of a step (train/loop/together/trainer_of_ranks.cpp).
    void tell_of_step(std::vector<Outcome>& outcomes);
    // Gives the memory back that others keep.
    void keep_own_part();
    // The losses' mean and what else is known of them together.
    static Outcome joined(const std::vector<Outcome>& outcomes);

    const Recipe recipe_;
    Module& model_;
    const Samples& samples_;
    const Loss loss_;
    Parameters parameters_;
    Ranks& ranks_;
    const std::unique_ptr<const Shards> shards_;  // where the optimiser's memory is divided; else null
    std::unique_ptr<DeviceOptimiser> optimiser_;
    Clipping clipping_;
    const int64_t micro_batches_;                  // a batch
    const Share own_;                              // of these
    std::unique_ptr<MeanGradient> mean_gradient_;  // of several micro-batches a step
    const Tensor buffers_before_;                  // a step, to be put back where it is left out
    const int64_t loaded_batches_;                 // of the recipe's batch_size, an epoch
    const int64_t batches_per_epoch_;
    int64_t classes_a_sample_;  // 0 where targets are no classes for what the model puts out
    const Schedule schedule_;
    RunState state_;
    std::unique_ptr<Loader> batches_;     // the rest of the current epoch; null before its first step
    Share loaded_{};                      // what of each batch these have
    std::unique_ptr<DeviceSteps> steps_;  // on a GPU
    Clock::time_point settled_;           // when
    bool keeps_own_part_ = false;         // alone
    bool stop_agreed_ = false;
    double last_loss_;  // that is known
};

}  // namespace swingrad
