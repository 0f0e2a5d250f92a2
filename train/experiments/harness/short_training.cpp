#include "train/experiments/harness/short_training.h"

#include "train/experiments/harness/training.h"
#include "train/loop/evaluate.h"
#include "train/transfer/initial_weights.h"

#include <cmath>

namespace swingrad {
namespace {

// Of images in memory.
Dataset chosen(const Dataset& data, const std::vector<int64_t>& indices) {
    const Shape& shape = data.images.shape();
    Dataset some{data.classes, Tensor::empty(shape.with(0, static_cast<int64_t>(indices.size())), DType::uint8), {}};
    for (size_t i = 0; i < indices.size(); ++i) {
        const auto at = static_cast<int64_t>(i);
        some.images.slice(at, at + 1).copy_from(data.images.slice(indices[i], indices[i] + 1));
        some.labels.push_back(data.labels[static_cast<size_t>(indices[i])]);
    }
    return some;
}

}  // namespace

Dataset few_of_each(const Dataset& data, int64_t count, Random random) {
    std::vector<int64_t> taken(data.classes.size()), indices;
    for (const int64_t index : shuffled(data.size(), random))
        if (taken[static_cast<size_t>(data.labels[static_cast<size_t>(index)])]++ < count) indices.push_back(index);
    return chosen(data, indices);
}

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
