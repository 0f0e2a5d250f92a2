// A model that has learnt some classes learns others from few images: fine-tuned whole, with layer-wise decay of the
// rate, or by its classifier alone, against the same from scratch. Shapes always; of --data that are files, their
// classes too.

#include "train/data/shapes/kinds.h"
#include "train/experiments/finetune/findings.h"
#include "train/experiments/harness/classes.h"
#include "train/experiments/harness/training.h"
#include "train/loop/checkpoint.h"
#include "train/loop/evaluate.h"
#include "train/transfer/features.h"
#include "train/transfer/initial_weights.h"

#include <map>

namespace swingrad {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr uint64_t of_few_images = 18;  // splits a seed: which images are the few

struct Part {  // the classes [first, last) of a source
    std::string data;
    int64_t first, last;
    json text() const { return {{"data", data}, {"first", first}, {"last", last}}; }
};

struct Subject {
    std::string learnt_name, few_name;
    Part learnt, few;
    SwinRecipe base;
};

struct Plan {
    std::vector<Subject> subjects;
    int64_t each;  // few images of a class
    SwinRecipe few;
};

struct Method {
    int64_t times;  // as many epochs as the others
    double lr, layer_decay;
    bool begins, probe;
};
constexpr std::array<Method, finetune_methods.size()> methods{{{1, 1e-3, 1, false, false},
                                                               {4, 1e-3, 1, false, false},
                                                               {1, 5e-4, 1, true, false},
                                                               {1, 5e-4, 0.75, true, false},
                                                               {1, 1e-2, 1, true, true}}};

// ---- what is learnt

// The first seven tenths of the classes, then the others.
Subject subject_in_files(const std::string& data, const SwinRecipe& base) {
    const auto classes = static_cast<int64_t>(class_names(parse_data_source(data)).size()), learnt = classes * 7 / 10;
    if (classes < 4) fail_usage("finetune needs at least 4 classes, two of them new: {} has {}", data, classes);
    Subject subject{fmt::format("{} of its classes", learnt),
                    fmt::format("{} classes of {}", classes - learnt, parse_data_source(data).kind),
                    {data, 0, learnt},
                    {data, learnt, classes},
                    base};
    subject.base.epochs = 12;
    return subject;
}

Plan plan_of(const ExperimentSettings& settings) {
    SwinRecipe base = recipe_of(settings);
    base.validation = 0;
    base.on_nan = "skip";
    base.epochs = 20;
    Plan plan{{}, 25, base};
    plan.few.batch_size = 25;
    plan.few.epochs = 100;
    if (settings.quick) {
        base.img_size = 16;
        base.batch_size = 400;
        base.epochs = 1;
        base.model_args = {{"patch_size", 2}, {"embed_dim", 16}, {"depths", {1, 1}}, {"num_heads", {1, 2}}};
        plan.few.img_size = base.img_size;
        plan.few.model_args = base.model_args;
        plan.few.epochs = 4;
    }
    const std::string shapes = lasting_source("shapes"), further = shapes + "-further";
    const DataSource source = parse_data_source(settings.data);
    if (source.kind == "shapes" && settings.data != shapes)
        fail_usage("--data {} is not for finetune, which learns {} and then {}", settings.data, shapes, further);
    const auto count = [](ShapeKinds kinds) { return static_cast<int64_t>(shape_names(kinds).size()); };
    plan.subjects.push_back({"ten kinds of shapes",
                             "five further kinds of shapes",
                             {shapes, 0, count(ShapeKinds::ten)},
                             {further, 0, count(ShapeKinds::further)},
                             base});
    if (source.kind != "shapes") plan.subjects.push_back(subject_in_files(settings.data, base));
    for (Subject& subject : plan.subjects) subject.base.data = subject.learnt.data;
    return plan;
}

SwinRecipe recipe_of(const Plan& plan, const Subject& subject, const Method& method, int64_t seed) {
    SwinRecipe recipe = plan.few;
    recipe.data = subject.few.data;
    recipe.epochs *= method.times;
    recipe.warmup_epochs = static_cast<double>(recipe.epochs) / 20;
    recipe.lr = method.lr;
    recipe.layer_decay = method.layer_decay;
    recipe.seed = seed;
    if (method.probe) recipe.freeze = all_but_the_head;
    return recipe;
}

// Images are read when a cell needs them, and once.
class PartImages {
  public:
    explicit PartImages(int64_t img_size) : extent_{img_size, img_size} {}

    const Dataset& training(const Part& part) { return of(part, Split::train); }
    const Dataset& test(const Part& part) { return of(part, split_to_judge(parse_data_source(part.data))); }

  private:
    const Dataset& of(const Part& part, Split split) {
        Dataset& kept = kept_[part.text().dump() + (split == Split::train ? " training" : " test")];
        if (kept.size() == 0)
            kept = with_classes(load_dataset(parse_data_source(part.data), split, {.extent = extent_}), part.first,
                                part.last);
        return kept;
    }

    const Extent extent_;
    std::map<std::string, Dataset> kept_;
};

Normalisation normalisation_of(const Part& part) {
    return swingrad::normalisation_of(parse_data_source(part.data).kind);
}

// ---- cells

class Cells {
  public:
    Cells(const Plan& plan, ExperimentRun& run) : plan_(plan), run_(run), images_(plan.few.img_size) {}

    std::vector<Cell> all() {
        for (const Subject& subject : plan_.subjects) {
            for (int64_t seed = 0; seed < run_.settings.seeds; ++seed) add_base(subject, seed);
            for (size_t method = 0; method < methods.size(); ++method)
                for (int64_t seed = 0; seed < run_.settings.seeds; ++seed) add_few(subject, method, seed);
        }
        return std::move(cells_);
    }

  private:
    struct Base {
        SwinRecipe recipe;
        std::string label;
        json configuration;
        fs::path weights;
    };

    Base base_of(const Subject& subject, int64_t seed) const {
        Base base{subject.base, fmt::format("{}, seed {}", subject.learnt_name, seed), {}, {}};
        base.recipe.seed = seed;
        base.configuration = {
            {"measure", "finetune, before"}, {"learnt", subject.learnt.text()}, {"recipe", to_json(base.recipe)}};
        base.weights = run_.folder / "weights" / (file_name_of(base.label, base.configuration) + ".safetensors");
        return base;
    }

    void add_base(const Subject& subject, int64_t seed) {
        const Base base = base_of(subject, seed);
        cells_.push_back({base.label, base.configuration, [this, &subject, base] { return learn(subject, base); }});
    }

    void add_few(const Subject& subject, size_t number, int64_t seed) {
        const Method& method = methods[number];
        const SwinRecipe recipe = recipe_of(plan_, subject, method, seed);
        json configuration{
            {"measure", "finetune"}, {"few", subject.few.text()}, {"each", plan_.each}, {"recipe", to_json(recipe)}};
        const Base base = base_of(subject, seed);
        if (method.begins) configuration["begins"] = base.configuration;
        cells_.push_back({fmt::format("{}, {}, seed {}", subject.few_name, finetune_methods[number], seed),
                          configuration, [this, &subject, &method, recipe, base] {
                              if (method.begins && !fs::exists(base.weights)) learn(subject, base);
                              return learn_few(subject, method, recipe, base.weights);
                          }});
    }

    // Trains on many images, and keeps the weights.
    json learn(const Subject& subject, const Base& base) {
        const Dataset& images = images_.training(subject.learnt);
        const auto classes = static_cast<int64_t>(images.classes.size());
        SwinTrainer trainer(base.recipe, model_of(base.recipe, classes), images, normalisation_of(subject.learnt));
        json result = trained(trainer, subject.learnt, images.size());
        fs::create_directories(base.weights.parent_path());
        save_weights(base.weights, trainer.parameters());
        return result;
    }

    json learn_few(const Subject& subject, const Method& method, const SwinRecipe& recipe, const fs::path& weights) {
        const Dataset images = few_of_each(images_.training(subject.few), plan_.each,
                                           Random{static_cast<uint64_t>(recipe.seed)}.split(of_few_images));
        const SwinConfig config = model_of(recipe, static_cast<int64_t>(images.classes.size()));
        const Normalisation normalisation = normalisation_of(subject.few);
        if (!method.probe) {
            SwinTrainer trainer(recipe, config, images, normalisation);
            if (method.begins) take_initial_weights(weights, trainer.parameters());
            return trained(trainer, subject.few, images.size());
        }
        FeatureExtractor extractor(config, recipe);
        take_initial_weights(weights, extractor.parameters);
        const FeatureSamples features = extractor.of(ImageSamples(images, normalisation), recipe.batch_size);
        SwinV2 model(config);
        Trainer trainer(recipe, model, features);
        take_initial_weights(weights, trainer.parameters());
        return trained(trainer, subject.few, images.size());
    }

    json trained(Trainer& trainer, const Part& part, int64_t images) {
        json result{{"stopped", train_through(trainer, run_, "training")}, {"images", images}};
        trainer.settle();
        const Dataset& test = images_.test(part);
        constexpr int64_t at_once = 250;
        result["accuracy"] = evaluate(trainer.model(), trainer.parameters(), ImageSamples(test, normalisation_of(part)),
                                      at_once, [](int64_t) { stop_if_interrupted(); })
                                 .accuracy;
        result["test_images"] = test.size();
        result["trained"] = trainer.parameters().count() - trainer.parameters().frozen_count();
        return result;
    }

    const Plan& plan_;
    ExperimentRun& run_;
    PartImages images_;
    std::vector<Cell> cells_;
};

Findings run_finetune(ExperimentRun& run) {
    const Plan plan = plan_of(run.settings);
    Cells cells(plan, run);
    const std::vector<json> results = run.cells.results_of(cells.all(), run.progress);
    const auto seeds = static_cast<std::ptrdiff_t>(run.settings.seeds);
    std::vector<FinetuneSubject> subjects;
    auto next = results.begin();
    const auto take = [&] {
        next += seeds;
        return std::vector<json>(next - seeds, next);
    };
    for (const Subject& subject : plan.subjects) {
        subjects.push_back({subject.learnt_name, subject.few_name, take(), {}});
        for (size_t method = 0; method < methods.size(); ++method) subjects.back().by_method.push_back(take());
    }
    Findings findings = finetune_findings(subjects);
    json& setup = findings.setup = to_json(plan.few);
    for (const char* name : {"seed", "data", "lr", "layer-decay", "warmup-epochs"}) setup.erase(name);
    setup["seeds"] = run.settings.seeds;
    setup["images-of-a-class"] = plan.each;
    for (const Subject& subject : plan.subjects) {
        setup[fmt::format("before, of {}", subject.learnt.data)] =
            fmt::format("classes 0 to {}, {} epochs of batches of {}", subject.learnt.last - 1, subject.base.epochs,
                        subject.base.batch_size);
        setup[fmt::format("few, of {}", subject.few.data)] =
            fmt::format("classes {} to {}", subject.few.first, subject.few.last - 1);
    }
    for (size_t i = 0; i < methods.size(); ++i) setup[fmt::format("lr, {}", finetune_methods[i])] = methods[i].lr;
    return findings;
}

}  // namespace

extern const Experiment finetune_experiment;
const Experiment finetune_experiment{
    "finetune",
    "the abstract, section 4.2",
    "few images of new classes: fine-tuned from a model that has learnt others, against from scratch",
    "20 minutes",
    true,
    3,
    {"The paper's models are trained twice. SwinV2-G first learns from 70 million images, then is fine-tuned on each "
     "task's own: 84.0 % on ImageNet-1K V2, 63.1 and 54.4 mAP of boxes and masks on COCO, 59.9 mean IoU on ADE20K, "
     "86.8 "
     "% on Kinetics-400, each the best known then.",
     "What tells images of some classes apart, edges, textures, parts, also tells others apart. Who begins with it "
     "needs "
     "to learn from few images only what is new in them; who begins from nothing must find all of it there, and finds "
     "instead what happens to be so in these few."},
    {"nano learns ten kinds of shapes from 8,000 pictures. Then it learns five further kinds, which the ten do not "
     "have, from 25 pictures each: all weights go on (whole); those near the image at a lower rate, by 0.75 a layer "
     "(layer decay); or the classifier alone, all else as it was (probe). From scratch it sees the same 25 pictures as "
     "often, and in another row four times as often. Each seed draws its own 25.",
     "With --data of files the same is done with its classes: the first seven tenths are learnt (seven of CIFAR-10's), "
     "then the others from 25 images each. Learning rates were chosen before any result was seen: from scratch the "
     "program's default, half of it where a training goes on, ten times it for a classifier alone.",
     "Its size: 20 passes over 8,000 pictures and 12 over 35,000 images of CIFAR-10 for each of three seeds, about 1.7 "
     "million images; what follows takes about a quarter as many."},
    {{"train/transfer/initial_weights.cpp", "InitialWeights take_initial_weights(", "what is taken of the weights"},
     {"train/transfer/features.cpp", "FeatureSamples FeatureExtractor::of(", "a probe's features, computed once"},
     {"models/nn/parameters.cpp", "void Parameters::decay_rates(", "a layer's rate"},
     {"train/experiments/harness/classes.cpp", "Dataset few_of_each(", "the few images"},
     {"train/data/shapes/kinds.cpp", "double hourglass(", "one of the further shapes"}},
    run_finetune};

}  // namespace swingrad
