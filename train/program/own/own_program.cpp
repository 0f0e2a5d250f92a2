#include "train/program/own/own_program.h"

#include "train/data/dataset.h"
#include "train/program/console/flags.h"
#include "train/program/own/own_commands.h"
#include "train/program/ranks/mpi_ranks.h"

#include <csignal>
#include <cstdio>
#include <new>
#include <numeric>

namespace swingrad {

std::unique_ptr<Module> model_of(const Program& program) {
    std::unique_ptr<Module> model = program.model ? program.model() : nullptr;
    check(model != nullptr, "[program] {} has no model", program.name);
    return model;
}

void SourceFlags::declare(CLI::App& command) {
    source_option =
        add_flag(command, "--data", source, "what the program learns from; the program says what that may be");
    limit_option = add_flag(command, "--limit", limit,
                            "the first so many samples of each set alone, of a folder's first classes; 0: all");
}

nlohmann::json SourceFlags::given() const {
    nlohmann::json given = nlohmann::json::object();
    if (source_option && source_option->count() > 0) given["data"] = source;
    if (limit_option && limit_option->count() > 0) given["limit"] = limit;
    return given;
}

std::string SourceFlags::text() const { return limit > 0 ? fmt::format("{}, the first {}", source, limit) : source; }

namespace {

// The first so many of others.
class FirstSamples final : public Samples {
  public:
    FirstSamples(std::unique_ptr<Samples> all, int64_t limit) : all_(std::move(all)), limit_(limit) {
        const Dataset* images = all_->images();
        if (!images) return;
        const auto labels = images->labels.begin();
        images_ = {images->classes, images->images.slice(0, limit), {labels, labels + limit}};
    }
    int64_t size() const override { return std::min(all_->size(), limit_); }
    Batch batch(std::span<const int64_t> indices, const Random* augmentation) const override {
        return all_->batch(indices, augmentation);
    }
    const Dataset* images() const override { return images_ ? &*images_ : nullptr; }
    const PictureInput* picture_input() const override { return all_->picture_input(); }

  private:
    std::optional<Dataset> images_;
    const std::unique_ptr<Samples> all_;
    const int64_t limit_;
};

}  // namespace

std::unique_ptr<Samples> limited(std::unique_ptr<Samples> samples, int64_t limit) {
    if (!samples || limit == 0 || samples->size() <= limit) return samples;
    return std::make_unique<FirstSamples>(std::move(samples), limit);
}

ProgramData data_of(const Program& program, const SourceFlags& flags) {
    if (flags.limit < 0) fail_usage("--limit must be 0 or more, got {}", flags.limit);
    ProgramData data = program.data ? program.data(flags.source) : ProgramData{};
    check(data.training != nullptr && data.training->size() > 0, "[program] {} has no samples to train on",
          program.name);
    check(!data.validation || data.validation->size() > 0, "[program] {}: the validation set is empty", program.name);
    data.training = limited(std::move(data.training), flags.limit);
    data.validation = limited(std::move(data.validation), flags.limit);
    if (data.test) data.test = [test = data.test, limit = flags.limit] { return limited(test(), limit); };
    return data;
}

Loss loss_of(const Program& program, double label_smoothing) {
    return program.loss ? program.loss : classification_loss(label_smoothing);
}

Batch first_batch(const Samples& samples, int64_t count) {
    std::vector<int64_t> first(static_cast<size_t>(std::min(count, samples.size())));
    std::iota(first.begin(), first.end(), 0);
    return samples.batch(first, nullptr);
}

int run_program(const Program& program, int argc, char** argv) try {
    std::signal(SIGXFSZ, SIG_IGN);  // a file over the size limit shall be a failed write, not the end
    share_cores();
    CLI::App app{fmt::format("{}: a model trained by swingrad.", program.name), program.name};
    const auto bound = [&](auto declare) {
        return [&program, declare](CLI::App& command) { return declare(program, command); };
    };
    std::vector<Command> commands{
        {"train", "Train the model, or go on with a run", bound(declare_own_train)},
        {"evaluate", "Loss, and accuracy where there is one, of a run, on test samples or else validation samples",
         bound(declare_own_evaluate)},
        {"predict", "What a trained model sees in image files", bound(declare_own_predict)},
        {"verify", "Whether a run's folder is whole, and what can be done where it is not", bound(declare_own_verify)},
        {"summary", "The model layer by layer: shapes, parameters, memory", bound(declare_own_summary)},
        {"tape", "What a training step records, as a table or a graph", bound(declare_own_tape)},
        {"gradcheck", "Prove the whole model's gradient against finite differences", bound(declare_own_gradcheck)},
        {"bench", "Speed and memory of training steps", bound(declare_own_bench)},
        {"trace", "Write every activation and gradient of one step to a file", bound(declare_own_trace)},
    };
    if (program.text.context > 0)
        commands.insert(commands.begin() + 3,
                        {"write", "Go on with a text, as a trained model would", bound(declare_own_write)});
    return run_commands(app, commands, argc, argv);
} catch (const std::bad_alloc&) {
    std::fputs("out of memory\n", stderr);
    return 1;
}

}  // namespace swingrad
