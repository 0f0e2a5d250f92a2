#include "train/program/run/run.h"

#include "core/io/file.h"
#include "core/io/stored_tensors.h"
#include "train/data/batch.h"
#include "train/data/resized_dataset.h"
#include "train/data/sources.h"
#include "train/loop/trainer.h"
#include "train/program/console/progress.h"
#include "train/program/images/contact_sheet.h"
#include "train/program/images/picture_files.h"
#include "train/program/phases/phases_of_run.h"
#include "train/program/run/belonging.h"
#include "train/program/run/fingerprint.h"
#include "train/program/run/run_lock.h"
#include "train/program/run/run_report.h"
#include "train/program/run/start.h"
#include "train/program/run/surprises.h"
#include "train/program/tasks/both_ways.h"
#include "train/program/tasks/task.h"
#include "train/transfer/features.h"
#include "train/transfer/initial_weights.h"

#include <algorithm>
#include <functional>
#include <memory>

namespace swingrad {
namespace fs = std::filesystem;
namespace {

// What training images are, as a run's config.json remembers them.
struct Known {
    std::vector<int64_t> images_of_class;  // none where each pixel has a class
    std::string fingerprint;
};

Known known_of(const Dataset& training, const Dataset& validation) {
    const ImageSamples validated(validation, {});
    Known known{std::vector<int64_t>(training.masks ? 0 : training.classes.size(), 0),
                fingerprint_of(ImageSamples(training, {}), &validated)};
    if (training.masks) return known;
    for (const int64_t label : training.labels) known.images_of_class[static_cast<size_t>(label)] += 1;
    return known;
}

// What about the images is not as it was, in words; empty where nothing is.
std::string difference_of(const RunConfig& before, const Dataset& training, const Known& now) {
    const std::string classes = difference_of_classes(before.classes, training.classes);
    if (!classes.empty()) return classes;
    if (before.images_of_class.size() == now.images_of_class.size())
        for (size_t k = 0; k < now.images_of_class.size(); ++k)
            if (before.images_of_class[k] != now.images_of_class[k])
                return fmt::format("{} images of class \"{}\" to train on, before {}", now.images_of_class[k],
                                   training.classes[k], before.images_of_class[k]);
    if (training.size() != before.training_images)
        return fmt::format("{} images to train on, before {}", training.size(), before.training_images);
    const bool differ = fingerprints_differ(before.fingerprint, now.fingerprint);
    return differ ? "as many images, but not the same pixels in the same order" : "";
}

// A Swin, its images, and the subject of a run that refers to both.
class SwinRun {
  public:
    // Runs of before there was a choice hold out a share of the training images even where there is a folder val.
    SwinRun(const SwinRecipe& recipe, bool use_val)
        : recipe_(recipe), task_(task_named(recipe.task)), source_(parse_data_source(recipe.data)) {
        if (has_split(source_, Split::test)) require_files(source_, Split::test);
        auto [training, validation] =
            load_to_train(source_, use_val, recipe.validation, random_of(recipe, Purpose::hold_out), load_options());
        training_ = std::move(training);
        validation_ = std::move(validation);
        if (recipe_.train_crop_mode == "auto")  // chosen once: what a run says, it keeps
            recipe_.train_crop_mode = training_.has_other_sizes() ? "rrc" : "pad";
    }

    int start_in(const RunFolder& folder, const RunOrigin& origin) {
        look_at_test();
        const auto classes = static_cast<int64_t>(training_.classes.size());
        const Known known = known_of(training_, validation_);
        // Chosen once, too.
        const bool whole = !task_.model(recipe_, model_of(recipe_, classes))->buffers().empty();
        recipe_.micro_batches = micro_batches_of(recipe_, whole);
        RunConfig config{
            recipe_,
            model_of(recipe_, classes),
            origin.model && origin.model->normalisation ? *origin.model->normalisation : normalisation_of(source_.kind),
            training_.classes,
            training_.size(),
            known.images_of_class,
            known.fingerprint,
            true};
        config.recipe_name = origin.recipe;
        const fs::path init = weights_in_folder_or_file(recipe_.init);
        if (!recipe_.init.empty()) config.init_fingerprint = fingerprint_of_files(open_tensors(init).files);
        nlohmann::json decisive = fixed_settings_of(config);
        decisive["classes"] = config.classes;
        config.identity = identity_of(decisive, known.fingerprint);
        phases_ = phases_of_run(recipe_, config.model);
        Learning learning = phases_.empty() ? learning_of(config, init) : learning_of_phase(config, 0);
        if (origin.model) learning.subject.notes = notes_of_origin(*origin.model, config.model, config.classes);
        return start(folder, learning.subject, to_json(config), samples_text());
    }

    int go_on_in(const RunLock& lock, RunConfig config, const ResumeOptions& options) {
        look_at_test();
        const RunFolder& folder = lock.folder();
        const Known now = known_of(training_, validation_);
        const std::string difference = difference_of(config, training_, now);
        const bool fits = training_.classes.size() == config.classes.size();
        check(difference.empty() || (fits && options.accept_other_data),
              "[train] {} is not what {} was trained on: {}{}", recipe_.data, folder.path.string(), difference,
              fits ? "; --accept-other-data goes on all the same" : "");
        const bool same = difference.empty() && options.data.empty() && !options.changes.any();
        if (!same) {
            config.recipe = recipe_;
            config.classes = training_.classes;
            config.training_images = training_.size();
            config.images_of_class = now.images_of_class;
            config.fingerprint = now.fingerprint;
        }
        const bool begun = fs::exists(folder.last());
        phases_ = phases_of_run(recipe_, config.model, config.epochs_before);
        Learning learning = phases_.empty()
                                ? learning_of(config, begun ? folder.last() : weights_in_folder_or_file(recipe_.init))
                                : learning_of_phase(config, begun ? phase_of_file(folder) : 0);
        if (options.changes.epochs) learning.subject.raised_from = config.epochs_before.back();
        return go_on(lock, learning.subject, same ? nlohmann::json() : to_json(config), samples_text());
    }

    // The first images of the first epoch as the model would see them.
    void show_batch(const fs::path& file) const {
        const Normalisation normalisation = normalisation_of(source_.kind);
        const auto phases = phases_of_run(recipe_, model_of(recipe_, static_cast<int64_t>(training_.classes.size())));
        const Dataset first = phases.empty() ? Dataset{} : at_size_of(phases[0], training_);
        const std::unique_ptr<Samples> samples =
            phases.empty() ? task_.to_train(training_, recipe_, normalisation)
                           : task_.to_train(first, recipe_of_phase(recipe_, phases[0]), normalisation);
        check(samples->size() >= recipe_.batch_size, "[train] a batch of {} needs as many samples to train on, got {}",
              recipe_.batch_size, samples->size());
        write_png(file, contact_sheet(first_batch_of(*samples, recipe_), normalisation));
    }

  private:
    struct Learning {
        std::unique_ptr<Module> model;
        std::unique_ptr<Samples> training, validation;
        RunSubject subject;
        std::unique_ptr<const Dataset> images = {};  // of a phase, which the samples refer to
    };
    using Extractor = std::shared_ptr<FeatureExtractor>;

    // Of a probe, else null. A last checkpoint that cannot be used is said, with the way back, by who goes on with it.
    Extractor extractor_of(const RunConfig& config, const fs::path& weights) const {
        if (!recipe_.probe) return {};
        auto extractor = std::make_shared<FeatureExtractor>(config.model, recipe_);
        try {
            take_initial_weights(weights, extractor->parameters);
        } catch (const Error&) {
            if (weights.filename() != RunFolder{}.last()) throw;
        }
        return extractor;
    }

    // Of a probe: features in the place of the images.
    std::unique_ptr<Samples> features_of(ImageSamples images, const Extractor& extractor) const {
        if (images.size() == 0) return std::make_unique<ImageSamples>(std::move(images));
        Progress progress;
        const int64_t count = images.size();
        const auto show = [&](int64_t done) { progress.show("features", done, count, "images", 0); };
        return std::make_unique<FeatureSamples>(extractor->of(std::move(images), recipe_.batch_size, show));
    }

    // As the model is given them, where they are not augmented. `data`: a Dataset, kept where it is moved in.
    template <class Data>
    std::unique_ptr<Samples> judged(Data&& data, const RunConfig& config, const Extractor& extractor) const {
        if (!extractor)
            return task_.to_judge(std::forward<Data>(data), recipe_, config.normalisation, preparation_of(recipe_));
        return features_of({std::forward<Data>(data), config.normalisation, std::nullopt, preparation_of(recipe_)},
                           extractor);
    }

    // `weights`: those of a probe's features. `phase`: at whose sizes; null for the model's own.
    Learning learning_of(const RunConfig& config, const fs::path& weights, const Phase* phase = nullptr) const {
        const Extractor extractor = extractor_of(config, weights);
        const SwinConfig& shape = phase ? phase->model : config.model;
        auto model = task_.model(recipe_, shape);
        auto images = phase ? std::make_unique<const Dataset>(at_size_of(*phase, training_)) : nullptr;
        const Dataset& training = images ? *images : training_;
        auto train = extractor ? judged(training, config, extractor)
                               : task_.to_train(training, phase ? recipe_of_phase(recipe_, *phase) : recipe_,
                                                config.normalisation);
        auto validate =
            phase ? judged(at_size_of(*phase, validation_), config, extractor) : judged(validation_, config, extractor);
        Recipe recipe = recipe_;
        if (extractor) recipe.freeze = all_but_the_head;
        RunSubject subject{.recipe = recipe,
                           .model = *model,
                           .training = *train,
                           .validation = validation_.size() > 0 ? validate.get() : nullptr,
                           .test = test_of(config, extractor),
                           .loss = task_.loss_of_judging(recipe_),
                           .training_loss = task_.loss_of_training(recipe_),
                           .smooths_labels = task_.has_masks(),
                           .model_name = recipe_.model,
                           .data_name = recipe_.data,
                           .samples_are = "images",
                           .classes = config.classes.size(),
                           .settings = to_json(recipe_),
                           .architecture = config_to_json(config.model),
                           .fixed_settings = fixed_settings_of(config)};
        if (recipe_.tta) {
            subject.second_judge = [](const Module& of) { return std::make_unique<BothWays>(of); };
            subject.second_judge_is = "with mirror images";
        }
        const PictureInput input{shape.img_size, config.normalisation, preparation_of(recipe_).fitting};
        subject.html_of_judged = [this, input, classes = config.classes, at = model.get()](
                                     const Samples& samples, const Evaluation& said, const Parameters& parameters) {
            return task_.html_of_judged({recipe_, input, classes, *at, parameters}, samples, said);
        };
        return {std::move(model), std::move(train), std::move(validate), std::move(subject), std::move(images)};
    }

    Dataset at_size_of(const Phase& phase, const Dataset& data) const {
        return resized_to(data, phase.model.img_size, interpolation_named(recipe_.interpolation));
    }

    // Of a last checkpoint that cannot be read, who goes on with it says so.
    size_t phase_of_file(const RunFolder& folder) const {
        try {
            const auto [epoch, batch] = place_of_file(folder.last());
            return phase_of_checkpoint(phases_, epoch, batch);
        } catch (const Error&) {
            return 0;
        }
    }

    // `config` must outlive it.
    Learning learning_of_phase(const RunConfig& config, size_t index) const {
        const Phase& phase = phases_[index];
        Learning learning = learning_of(config, {}, &phase);
        RunPhase& of_run = learning.subject.phase.emplace();
        of_run = {phase.begin, phase.end, text_of_phase(phases_, index), sizes_text(phase), sizes_of_phase(phase)};
        of_run.epochs_to_go = [this, index](int64_t done) { return epochs_to_go(phases_, index, done); };
        of_run.model_at = model_at_place(phases_);
        if (index + 1 < phases_.size())
            of_run.next = [this, &config, index]() -> std::shared_ptr<const RunSubject> {
                auto next = std::make_shared<const Learning>(learning_of_phase(config, index + 1));
                return {next, &next->subject};
            };
        return learning;
    }

    // Whether the test images can be read shall not be found at the end. They are not kept.
    void look_at_test() const {
        if (!has_split(source_, Split::test) || source_.kind == "shapes") return;
        LoadOptions silently = load_options();
        if (recipe_.skip_broken) silently.left_out = [](const std::string&) {};
        load_dataset(source_, Split::test, silently);
    }

    // Test images are judged at the end alone; there may be none.
    std::function<std::unique_ptr<Samples>()> test_of(const RunConfig& config, const Extractor& extractor) const {
        if (!has_split(source_, Split::test)) return {};
        return [this, &config, extractor] {
            return judged(load_dataset(source_, Split::test, load_options()), config, extractor);
        };
    }

    LoadOptions load_options() const {
        LoadOptions options{{recipe_.img_size, recipe_.img_size}, recipe_.ignore_exif};
        options.any_size = true;
        options.cache = cache_named(recipe_.cache);
        options.masks = task_.has_masks();
        if (options.masks) options.classes = training_.classes;  // once they are known
        if (recipe_.skip_broken) options.left_out = listing_left_out(left_out_);
        return options;
    }

    std::string samples_text() const {
        std::string pixels = fmt::format("{} pixels", text_of(training_.extent()));
        if (training_.pictures)
            pixels = fmt::format("{}, seen at {}", text_of_pictures(training_), text_of(training_.extent()));
        return fmt::format(", {} classes, {}{}{}", training_.classes.size(), pixels,
                           has_split(source_, Split::test) ? "" : ", no test images", text_of_left_out(left_out_));
    }

    SwinRecipe recipe_;
    const Task& task_;
    const DataSource source_;
    mutable int64_t left_out_ = 0;
    Dataset training_, validation_;
    std::vector<Phase> phases_;  // none without --progressive
};

}  // namespace

fs::path default_run_folder(const SwinRecipe& recipe) {
    return fs::path("runs") /
           fmt::format("{}-{}-seed{}", recipe.model, parse_data_source(recipe.data).kind, recipe.seed);
}

int start_run(const SwinRecipe& recipe, const fs::path& path, const RunOrigin& origin) {
    const RunFolder folder{path};
    require_unused(folder);
    SwinRecipe lasting = recipe;
    lasting.data = lasting_source(recipe.data);
    return SwinRun(lasting, true).start_in(folder, origin);
}

void show_batch(const SwinRecipe& recipe, const fs::path& file) { SwinRun(recipe, true).show_batch(file); }

int resume_run(const fs::path& path, const ResumeOptions& options) {
    const RunFolder folder{path};
    RunConfig config = read_config(folder);
    options.changes.apply(config.recipe, config.epochs_before);
    SwinRecipe recipe = config.recipe;
    if (!options.data.empty()) recipe.data = options.data;
    const fs::path images = parse_data_source(recipe.data).directory;
    check(images.empty() || fs::exists(images), "[train] {}: no such folder; --data says where the images are now",
          images.string());
    const RunLock lock(folder);
    return SwinRun(recipe, config.uses_val).go_on_in(lock, config, options);
}

}  // namespace swingrad
