#include "train/program/report/page.h"
#include "core/io/file.h"
#include "train/experiments/harness/experiment.h"
#include "train/program/console/text.h"
#include "train/program/run/environment.h"

#include <algorithm>

namespace swingrad {
namespace {

namespace fs = std::filesystem;

std::string paragraphs(const auto& texts) {
    std::string html;
    for (const auto& text : texts) html += "<p>" + escaped(text) + "</p>\n";
    return html;
}

// The line of a file in which a text first stands; 0 where it does not.
int64_t line_with(const std::string& contents, const std::string& text) {
    const size_t at = contents.find(text);
    return at == std::string::npos
               ? 0
               : 1 + std::count(contents.begin(), contents.begin() + static_cast<std::ptrdiff_t>(at), '\n');
}

// A link where the program runs beside its code, the file's name elsewhere.
std::string html_of(const CodePlace& place, const fs::path& folder) {
    std::string name = place.file, link;
    if (fs::is_regular_file(place.file)) {
        if (const int64_t line = line_with(read_file(place.file), place.text)) name += fmt::format(":{}", line);
        link = fs::relative(place.file, folder).string();
    }
    const std::string shown = "<code>" + escaped(name) + "</code>";
    return fmt::format("<li>{}: {}</li>\n",
                       link.empty() ? shown : "<a href=\"" + escaped(link) + "\">" + shown + "</a>",
                       escaped(place.why));
}

std::string seeds_text(const ExperimentRun& run) {
    const int64_t seeds = run.settings.seeds;
    if (seeds == 1) return "One seed each: nothing is known of the spread between seeds.";
    return fmt::format("{} seeds each; \"a +- b\" is their mean and the standard deviation of a single one.", seeds);
}

}  // namespace

std::string experiment_page(const Experiment& experiment, const ExperimentRun& run, const Findings& findings,
                            const std::string& figures) {
    std::string html = "<h2>What the paper says</h2>\n" + paragraphs(experiment.claim);
    html += "<h2>How it is tried</h2>\n" + paragraphs(experiment.here);
    html += "<h2>What is seen</h2>\n" + paragraphs(findings.seen);
    if (experiment.learns) html += "<p>" + escaped(seeds_text(run)) + "</p>\n";
    if (run.settings.quick)
        html += "<p>A trial of the command with tiny models (--quick): its numbers mean nothing.</p>\n";
    html += "<h2>Figures</h2>\n" + figures;
    for (const ResultTable& table : findings.tables) html += html_of(table);
    html += "<h2>Where in the code</h2>\n<ul>\n";
    for (const CodePlace& place : experiment.code) html += html_of(place, run.folder);
    Recipe recipe;
    recipe.device = run.settings.device, recipe.precision = run.settings.precision;
    html += "</ul>\n<h2>Settings</h2>\n" + html_of_object(findings.setup) + "<h2>Environment of this page</h2>\n" +
            html_of_object(current_environment(recipe));
    return html_page(experiment.name, fmt::format("{}: {}", experiment.source, experiment.shows), html,
                     "Written by swingrad; every single result is in cells.json beside this page.");
}

}  // namespace swingrad
