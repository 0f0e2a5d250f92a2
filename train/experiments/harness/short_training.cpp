#include "train/experiments/harness/short_training.h"

#include "train/experiments/harness/training.h"
#include "train/loop/evaluate.h"
#include "train/transfer/initial_weights.h"

#include <cmath>

namespace swingrad {

nlohmann::json train_shortly(const ShortTraining& how, ExperimentRun& run, const std::string& label) {
    const SwinConfig model = model_of(how.recipe, static_cast<int64_t>(how.training.classes.size()));
    SwinTrainer trainer(how.recipe, model, how.training, how.normalisation);
    if (!how.begun_from.empty()) take_initial_weights(how.begun_from, trainer.parameters());
    const std::string stopped = train_through(trainer, run, label);
    if (!stopped.empty()) return {{"accuracy", NAN}, {"loss", NAN}, {"stopped", stopped}};
    const Evaluation evaluation =
        evaluate(trainer.model(), trainer.parameters(), ImageSamples(how.test, how.normalisation),
                 how.recipe.batch_size, [](int64_t) { stop_if_interrupted(); });
    return {{"accuracy", evaluation.accuracy}, {"loss", evaluation.loss}, {"stopped", ""}};
}

}  // namespace swingrad
