// What a step costs by the size of its images, with windows that stay as they are, and by the number of threads. The
// optimiser is left out: it costs the same whatever the images are.

#include "core/threads.h"
#include "train/experiments/harness/timed_pass.h"
#include "train/loop/device.h"

#include <algorithm>
#include <cmath>

namespace swingrad {
namespace {

using nlohmann::json;

constexpr double bound = 15;  // percent between the cheapest and the dearest token

struct Plan {
    SwinConfig model;
    std::vector<int64_t> images;  // rows and columns in pixels, the smallest first
    int64_t tokens;               // of the first stage, in a batch
    int rounds;
};

Plan plan_of(bool quick) {
    Plan plan{named_config("nano"), {32, 64, 128, 256}, 128 * 64, 9};
    if (quick) {
        plan.model.embed_dim = 16;
        plan.model.depths = {1, 1};
        plan.model.num_heads = {1, 2};
        plan.images = {32, 64};
        plan.tokens = 4 * 64;
        plan.rounds = 1;
    }
    return plan;
}

SwinConfig config_of(const Plan& plan, int64_t image) {
    SwinConfig config = plan.model;
    config.img_size = {image, image};
    return config;
}

int64_t batch_of(const Plan& plan, int64_t image) {
    const int64_t side = image / plan.model.patch_size.rows;
    return plan.tokens / (side * side);
}

// 1, 2, 4 ... and as many as there are cores.
std::vector<int> thread_counts(int cores) {
    std::vector<int> counts;
    for (int count = 1; count < cores; count *= 2) counts.push_back(count);
    counts.push_back(cores);
    return counts;
}

// ---- two cells. What is compared takes turns, so that what slows the machine for a while slows all of it.

json by_image(const Plan& plan, const ExperimentSettings& settings) {
    std::vector<std::vector<double>> seconds(plan.images.size());
    std::vector<std::unique_ptr<TimedPass>> passes;
    for (const int64_t image : plan.images) {
        passes.push_back(std::make_unique<TimedPass>(config_of(plan, image), batch_of(plan, image), settings));
        passes.back()->take();  // what is made on first use
    }
    for (int round = 0; round < plan.rounds; ++round)
        for (size_t i = 0; i < passes.size(); ++i) {
            stop_if_interrupted();
            seconds[i].push_back(passes[i]->take());
        }
    json result = json::array();
    for (size_t i = 0; i < passes.size(); ++i)
        result.push_back({{"image", plan.images[i]}, {"seconds", median(seconds[i])}});
    return result;
}

json by_threads(const Plan& plan, const ExperimentSettings& settings, const std::vector<int>& counts) {
    struct Restore {
        const int before = thread_count();
        ~Restore() { set_thread_count(before); }
    } const restore;
    std::vector<std::vector<double>> seconds(counts.size());
    TimedPass pass(config_of(plan, plan.images.front()), batch_of(plan, plan.images.front()), settings);
    pass.take();
    for (int round = 0; round < plan.rounds; ++round)
        for (size_t i = 0; i < counts.size(); ++i) {
            stop_if_interrupted();
            set_thread_count(counts[i]);
            seconds[i].push_back(pass.take());
        }
    json result = json::array();
    for (size_t i = 0; i < counts.size(); ++i)
        result.push_back({{"threads", counts[i]}, {"seconds", median(seconds[i])}});
    return result;
}

// ---- what is made of them

double seconds_of(const json& row) { return number_of(row, "seconds"); }

// Percent by which the dearest token costs more than the cheapest.
double spread_of_sizes(const json& by_image) {
    double least = INFINITY, most = 0;
    for (const json& row : by_image) {
        least = std::min(least, seconds_of(row));
        most = std::max(most, seconds_of(row));
    }
    return 100 * (most / least - 1);
}

std::vector<ResultTable> tables_of(const Plan& plan, const json& by_image, const json& by_threads) {
    ResultTable images{"Time of a token, by image size", {"image", "images a batch", "ms a step", "us a token"}, {}};
    for (const json& row : by_image) {
        const auto image = row.at("image").get<int64_t>();
        images.rows.push_back({fmt::format("{0} x {0}", image), std::to_string(batch_of(plan, image)),
                               fmt::format("{:.1f}", 1e3 * seconds_of(row)),
                               fmt::format("{:.2f}", 1e6 * seconds_of(row) / static_cast<double>(plan.tokens))});
    }
    images.note = "Tokens are those of the first stage; every batch has the same number. The paper gives no times.";
    ResultTable threads{"Time of a step, by threads", {"threads", "ms a step", "times as fast as one"}, {}};
    for (const json& row : by_threads)
        threads.rows.push_back({std::to_string(row.at("threads").get<int>()),
                                fmt::format("{:.1f}", 1e3 * seconds_of(row)),
                                fmt::format("{:.2f}", seconds_of(by_threads.front()) / seconds_of(row))});
    threads.note = fmt::format("Images of {0} x {0} pixels. Medians of steps that took turns.", plan.images.front());
    return {images, threads};
}

std::vector<NamedFigure> figures_of(const Plan& plan, const json& by_image, const json& by_threads) {
    Series token{"measured", {}, {}}, speed{"measured", {}, {}}, ideal{"ideal", {}, {}};
    for (const json& row : by_image) {
        token.x.push_back(row.at("image").get<double>());
        token.y.push_back(1e6 * seconds_of(row) / static_cast<double>(plan.tokens));
    }
    for (const json& row : by_threads) {
        speed.x.push_back(row.at("threads").get<double>());
        speed.y.push_back(seconds_of(by_threads.front()) / seconds_of(row));
        ideal.x.push_back(speed.x.back());
        ideal.y.push_back(speed.x.back());
    }
    Figure by_size{"Time of a token", "pixels of a side", "microseconds", {token}, false, true};
    by_size.from_zero = true;  // so that a difference looks as large as it is
    return {{"image-size.svg", by_size},
            {"threads.svg", {"Speed by threads", "threads", "times one thread's", {speed, ideal}, false, true}}};
}

std::vector<std::string> seen_in(const json& by_image, const json& by_threads) {
    const double spread = spread_of_sizes(by_image);
    std::vector<std::string> texts{fmt::format(
        "From {} to {} pixels of a side, a token of the dearest size costs {:.0f} % more than one of the cheapest, "
        "{} {:.0f} % that may be called the same: the cost {} with the number of pixels alone.",
        by_image.front().at("image").get<int>(), by_image.back().at("image").get<int>(), spread,
        spread <= bound ? "within the" : "more than the", bound, spread <= bound ? "grows" : "does not grow here")};
    const json& most = by_threads.back();
    if (by_threads.size() > 1)
        texts.push_back(fmt::format("{} threads are {:.2f} times as fast as one.", most.at("threads").get<int>(),
                                    seconds_of(by_threads.front()) / seconds_of(most)));
    return texts;
}

Findings run_growth(ExperimentRun& run) {
    const Plan plan = plan_of(run.settings.quick);
    const std::vector<int> counts = thread_counts(thread_count());
    const json common{{"model", config_to_json(plan.model)},
                      {"images", plan.images},
                      {"tokens", plan.tokens},
                      {"rounds", plan.rounds},
                      {"precision", run.settings.precision},
                      {"device", description_of(run.settings.device)},
                      {"threads", thread_count()}};
    const auto cell = [&](const char* label, const std::function<json()>& measure) {
        json configuration = common;
        configuration["measure"] = label;
        return Cell{label, configuration, measure};
    };
    const std::vector<json> results =
        run.cells.results_of({cell("time by image size", [&] { return by_image(plan, run.settings); }),
                              cell("time by threads", [&] { return by_threads(plan, run.settings, counts); })},
                             run.progress);
    json setup = config_to_json(plan.model);
    setup.erase("img_size");
    setup["tokens a batch"] = plan.tokens;
    setup["device"] = run.settings.device;
    setup["precision"] = run.settings.precision;
    return {figures_of(plan, results[0], results[1]), tables_of(plan, results[0], results[1]),
            seen_in(results[0], results[1]), setup};
}

}  // namespace

extern const Experiment growth_experiment;
const Experiment growth_experiment{
    "growth",
    "Swin Transformer, arXiv 2103.14030, section 3.2",
    "that a step's time grows with the number of pixels, and how it falls with threads",
    "2 minutes",
    false,
    1,
    {"Attention among all tokens of an image costs the square of their number. Within windows of a fixed size it "
     "costs as much for every token, however large the image: that is what the windows are for, and the paper's "
     "equation 2.",
     "On one machine that also asks something of the code: a larger image must not cost more because it lies in "
     "memory in another way."},
    {"nano with its windows of 4 x 4 goes forward and backward over batches of as many tokens: 128 images of 32 x 32 "
     "pixels, 32 of 64 x 64, and so on. The optimiser, which costs the same for any image, is left out.",
     "The same batch of small images is then computed with one thread, two, and as many as there are cores. Results "
     "have the same bits for any number of them."},
    {{"ops/window.h", "struct WindowTable", "where the tokens of a window lie, for any size of map"},
     {"ops/attention/attention_head_backward_fast.h", "void attend_backward(",
      "attention, a window and a head at a time"},
     {"core/threads.h", "void parallel_for(", "work in pieces that do not depend on the number of threads"}},
    run_growth};

}  // namespace swingrad
