#include "train/program/plan/plan_text.h"

#include "core/io/text.h"
#include "train/program/console/progress.h"
#include "train/program/console/text.h"
#include "train/program/report/page.h"
#include "train/program/report/result_table.h"

namespace swingrad {
namespace {

std::string bytes_of(double bytes) { return bytes_text(static_cast<size_t>(bytes)); }

std::string seconds_text(double seconds) {
    return seconds < 1 ? fmt::format("{:.1f} ms", 1e3 * seconds) : fmt::format("{:.2f} s", seconds);
}

const char* precision_of(const Plan& plan) { return plan.request.dtype == DType::bfloat16 ? "bf16" : "f32"; }

std::string counted(int64_t count, const std::string& one, const std::string& many) {
    return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::string setting_text(const Plan& plan) {
    const PlanRequest& request = plan.request;
    return fmt::format("{} parameters, images {} x {}, batch {}, {}, {}: {} of {} each, ZeRO {}",
                       grouped(plan.pass.parameters), request.model.img_size.rows, request.model.img_size.columns,
                       request.batch, precision_of(plan), counted(request.ranks, "rank", "ranks"),
                       counted(plan.work.parts, "micro-batch", "micro-batches"),
                       counted(plan.work.images, "image", "images"), request.zero ? 1 : 0);
}

ResultTable memory_table(const Plan& plan) {
    ResultTable table{fmt::format("Memory of a rank ({})", predicted), {"cause", "bytes", "share", "what"}, {}};
    for (const MemoryPart& part : plan.memory)
        table.rows.push_back(
            {part.cause, bytes_of(part.bytes), fmt::format("{:.1f} %", 100 * part.bytes / plan.total()), part.holds});
    table.rows.push_back({"in all", bytes_of(plan.total()), "100.0 %", ""});
    return table;
}

std::string fits_text(const Plan& plan) {
    const Machine& machine = plan.request.machine;
    return fmt::format("{}: {} of {} ({} kept back); with ZeRO {} a rank would take {}.",
                       plan.fits() ? "It fits" : "It does not fit", bytes_of(plan.total()), bytes_of(machine.memory),
                       bytes_of(machine.reserve), plan.request.zero ? 0 : 1, bytes_of(plan.total_other_zero));
}

std::string largest_text(const Plan& plan) {
    const auto at_least = [](int64_t value, int64_t most) { return value >= most ? "at least " : ""; };
    std::string images = "Not even one image fits", side = "no square image fits";
    if (plan.most_images > 0)
        images = fmt::format("As many as {}{} of a micro-batch fit, {} in a step of one for each rank",
                             at_least(plan.most_images, most_planned_images),
                             counted(plan.most_images, "image", "images"), plan.most_images * plan.request.ranks);
    if (plan.largest_side > 0)
        side = fmt::format("{} at a time may be {}{} x {} pixels", counted(plan.work.images, "image", "images"),
                           at_least(plan.largest_side, largest_planned_side), plan.largest_side, plan.largest_side);
    return fmt::format("{}; {} ({}).", images, side, predicted);
}

ResultTable time_table(const Plan& plan) {
    const double total = plan.time.total();
    ResultTable table{fmt::format("Time of a step ({})", predicted), {"part", "time", "share", "what"}, {}};
    const auto row = [&](const char* name, double seconds, const std::string& what) {
        table.rows.push_back({name, seconds_text(seconds), fmt::format("{:.1f} %", 100 * seconds / total), what});
    };
    row("compute", plan.time.compute,
        fmt::format("{}FLOP of a rank's products",
                    count_text(static_cast<int64_t>(plan.pass.flops * static_cast<double>(plan.work.parts)))));
    row("exchange", plan.time.exchange,
        plan.request.zero ? "reduce-scatter of gradients, all-gather of weights"
                          : "reduce-scatter and all-gather of gradients");
    row("update", plan.time.update, "AdamW, at the speed of memory");
    row("in all", total,
        fmt::format("{:.1f} images/s; one rank alone {:.1f}", static_cast<double>(plan.request.batch) / total,
                    static_cast<double>(plan.work.parts * plan.work.images) / plan.alone.total()));
    table.note = plan.request.rate_text;
    return table;
}

// Of what the first row's rank does, times their number.
double share_of_ideal(const std::vector<PlannedRow>& rows, const PlannedRow& row) {
    return row.images_per_second() / (rows.front().images_per_second() * static_cast<double>(row.ranks));
}

ResultTable scaling_table(const Plan& plan, const std::vector<PlannedRow>& rows, const std::string& title) {
    ResultTable table{fmt::format("{} ({})", title, predicted),
                      {"ranks", "batch", "memory", "step", "exchange", "images/s", "of ideal"},
                      {}};
    for (const PlannedRow& row : rows)
        table.rows.push_back({std::to_string(row.ranks), std::to_string(row.batch),
                              bytes_of(row.memory) + (row.memory > plan.usable() ? " !" : ""),
                              seconds_text(row.time.total()), seconds_text(row.time.exchange),
                              fmt::format("{:.1f}", row.images_per_second()),
                              fmt::format("{:.2f}", share_of_ideal(rows, row))});
    return table;
}

std::vector<ResultTable> tables_of(const Plan& plan) {
    ResultTable growing = scaling_table(plan, plan.growing, "Each rank keeps its images"),
                shared = scaling_table(plan, plan.shared, "The batch is shared out");
    shared.note = "\"!\": more than the memory there is.";
    return {memory_table(plan), time_table(plan), growing, shared};
}

nlohmann::json json_of(const StepTime& time) {
    return {{"compute_s", time.compute},
            {"exchange_s", time.exchange},
            {"update_s", time.update},
            {"step_s", time.total()}};
}

nlohmann::json json_of(const std::vector<PlannedRow>& rows) {
    nlohmann::json list = nlohmann::json::array();
    for (const PlannedRow& row : rows) {
        list.push_back(json_of(row.time));
        list.back().update({{"ranks", row.ranks},
                            {"batch", row.batch},
                            {"memory_bytes", row.memory},
                            {"images_per_s", row.images_per_second()},
                            {"of_ideal", share_of_ideal(rows, row)}});
    }
    return list;
}

}  // namespace

std::string text_of(const Plan& plan) {
    std::string text =
        fmt::format("{} on {}\n{}\n\n", plan.request.model_text, plan.request.machine.text, setting_text(plan));
    const std::vector<ResultTable> tables = tables_of(plan);
    for (size_t i = 0; i < tables.size(); ++i) {
        text += text_of(tables[i]) + "\n";
        if (i == 0) text += wrapped(fits_text(plan)) + "\n" + wrapped(largest_text(plan)) + "\n\n";
    }
    return text;
}

nlohmann::json json_of(const Plan& plan) {
    const PlanRequest& request = plan.request;
    nlohmann::json memory = nlohmann::json::object();
    for (const MemoryPart& part : plan.memory) memory[part.cause] = part.bytes;
    return {{"says", predicted},
            {"model", request.model_text},
            {"config", config_to_json(request.model)},
            {"parameters", plan.pass.parameters},
            {"gpu", request.machine.name},
            {"rates",
             {{"flop_per_s", request.machine.flops(request.dtype)},
              {"memory_bytes_per_s", request.machine.memory_bytes_per_second},
              {"from", request.rate_text}}},
            {"precision", precision_of(plan)},
            {"batch", request.batch},
            {"ranks", request.ranks},
            {"zero", request.zero ? 1 : 0},
            {"micro_batches", plan.work.all_parts},
            {"images_at_a_time", plan.work.images},
            {"memory", memory},
            {"memory_bytes", plan.total()},
            {"memory_bytes_with_other_zero", plan.total_other_zero},
            {"usable_bytes", plan.usable()},
            {"fits", plan.fits()},
            {"most_images", plan.most_images},
            {"largest_side", plan.largest_side},
            {"time", json_of(plan.time)},
            {"growing", json_of(plan.growing)},
            {"shared", json_of(plan.shared)}};
}

Figure figure_of(const Plan& plan) {
    Figure figure{.title = fmt::format("{}: images a second ({})", plan.request.model_text, predicted),
                  .x_label = "ranks, doubling",
                  .y_label = "images/s"};
    figure.log_y = true;
    Series growing{"each rank keeps its images", {}, {}}, shared{"the batch is shared out", {}, {}},
        ideal{"ideal", {}, {}};
    for (size_t i = 0; i < plan.growing.size(); ++i) {
        const auto x = static_cast<double>(i + 1);
        figure.x_names.push_back(std::to_string(plan.growing[i].ranks));
        growing.x.push_back(x);
        growing.y.push_back(plan.growing[i].images_per_second());
        ideal.x.push_back(x);
        ideal.y.push_back(plan.growing[0].images_per_second() * static_cast<double>(plan.growing[i].ranks));
        if (i >= plan.shared.size()) continue;
        shared.x.push_back(x);
        shared.y.push_back(plan.shared[i].images_per_second());
    }
    figure.series = {growing, shared, ideal};
    return figure;
}

std::string page_of(const Plan& plan) {
    std::string html = html_of(draw_figures({{"scaling.svg", figure_of(plan)}}, ""));
    html += "<p>" + escaped(fits_text(plan)) + "</p>\n<p>" + escaped(largest_text(plan)) + "</p>\n";
    for (const ResultTable& table : tables_of(plan)) html += html_of(table);
    return html_page(fmt::format("Plan: {} on {}", plan.request.model_text, plan.request.machine.name),
                     fmt::format("{}; {}", setting_text(plan), predicted), html,
                     "Written by swingrad plan. Nothing here was measured but, on the CPU, how fast it computes.");
}

}  // namespace swingrad
