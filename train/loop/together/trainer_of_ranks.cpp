// What ranks do together in a training beside adding gradients up: tell each other of a step, share the optimiser's
// memory out, and save it.

#include "train/loop/checkpoint.h"
#include "train/loop/trainer.h"

namespace swingrad {

// One message for all that is small.
void Trainer::tell_of_step(std::vector<Outcome>& outcomes) {
    std::vector<bool> flags = mean_gradient_->received();
    flags.push_back(wants_to_stop && wants_to_stop());
    gather_shares(ranks_, micro_batches_, outcomes, &flags);
    stop_agreed_ = flags.back();
    flags.pop_back();
    mean_gradient_->received() = flags;
}

bool Trainer::stop_agreed() {
    if (steps_ && ranks_.size() > 1) return ranks_.any(wants_to_stop && wants_to_stop());
    return ranks_.size() > 1 ? stop_agreed_ : wants_to_stop && wants_to_stop();
}

// What was read of a checkpoint, or given as weights to begin from, is whole until then.
void Trainer::keep_own_part() {
    for (const auto& [name, state] : optimiser_->state())
        if (state.numel() == parameters_.values().numel()) shards_->forget_others(state);
    shards_->forget_others_masters();
    keeps_own_part_ = true;
}

void Trainer::save(const std::filesystem::path& path) {
    settle();
    if (!shards_ && ranks_.rank() != 0) return;
    save_run(path, recipe_, fixed_settings, state_, parameters_, *optimiser_, shards_.get());
}

void Trainer::save_weights(const std::filesystem::path& path,
                           const std::map<std::string, std::string>& metadata) const {
    if (!shards_ && ranks_.rank() != 0) return;
    swingrad::save_weights(path, parameters_, metadata, shards_.get());
}

}  // namespace swingrad
