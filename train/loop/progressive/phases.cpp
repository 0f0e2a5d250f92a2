#include "train/loop/progressive/phases.h"

#include "core/error.h"
#include "core/io/quotes.h"
#include "train/data/sources.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace swingrad {
namespace {

constexpr size_t most_phases = 100;
constexpr double rounding = 1e-6;  // of shares written in decimals

// All of `text` as a number, or false.
template <class Number>
bool read_number(std::string_view text, Number& number) {
    const char* end = text.data() + text.size();
    const auto [read, error] = std::from_chars(text.data(), end, number);
    return error == std::errc() && read == end;
}

bool read_size(std::string_view text, int64_t& size) {
    return read_number(text, size) && size >= 1 && size <= most_pixels;
}

PhaseSizes parse_phase(const std::string& text) {
    PhaseSizes phase;
    phase.text = text;
    const size_t colon = text.find(':');
    const std::string_view sizes = std::string_view(text).substr(0, colon);
    const size_t p = sizes.find('p');
    const bool has_patch = p != std::string_view::npos, has_image = p != 0;
    const bool good = colon != std::string::npos && (!has_image || read_size(sizes.substr(0, p), phase.img_size)) &&
                      (!has_patch || read_size(sizes.substr(p + 1), phase.patch_size)) &&
                      read_number(std::string_view(text).substr(colon + 1), phase.share);
    check(good, "{} is no phase: expected SIZE:SHARE, pPATCH:SHARE or SIZEpPATCH:SHARE, sizes in 1 to {}",
          in_quotes(text), most_pixels);
    check(phase.share > 0 && phase.share <= 1, "the share of {} must be in (0, 1]", in_quotes(text));
    return phase;
}

SwinConfig model_at(const SwinConfig& whole, const PhaseSizes& phase) {
    SwinConfig model = whole;
    if (phase.img_size > 0) model.img_size = {phase.img_size, phase.img_size};
    if (phase.patch_size > 0) model.patch_size = {phase.patch_size, phase.patch_size};
    try {
        validate(model);
    } catch (const Error& error) {
        fail("{} cannot be: {}", in_quotes(phase.text), error.what());
    }
    return model;
}

}  // namespace

std::vector<PhaseSizes> parse_phases(const std::string& text) {
    std::vector<PhaseSizes> phases;
    double sum = 0;
    for (size_t begin = 0; begin <= text.size();) {
        const size_t end = std::min(text.find(',', begin), text.size());
        phases.push_back(parse_phase(text.substr(begin, end - begin)));
        sum += phases.back().share;
        begin = end + 1;
    }
    check(phases.size() <= most_phases, "at most {} phases are possible, got {}", most_phases, phases.size());
    check(std::abs(sum - 1) < rounding, "shares must sum to 1, these to {:.6g}", sum);
    return phases;
}

std::vector<Phase> phases_of(const std::string& text, const SwinConfig& model, int64_t epochs) {
    std::vector<Phase> phases;
    const std::vector<PhaseSizes> asked = parse_phases(text);
    double share = 0;
    int64_t begin = 0;
    for (const PhaseSizes& one : asked) {
        share += one.share;
        const int64_t end = &one == &asked.back() ? epochs : std::llround(share * static_cast<double>(epochs));
        check(end > begin, "{} has no epoch of {}", in_quotes(one.text), epochs);
        phases.push_back({model_at(model, one), begin, end});
        begin = end;
    }
    const SwinConfig& last = phases.back().model;
    const auto sizes = [](const SwinConfig& of) {
        return fmt::format("images of {} in patches of {}", text_of(of.img_size), text_of(of.patch_size));
    };
    check(last.img_size == model.img_size && last.patch_size == model.patch_size,
          "the last phase, {}, must be the model itself: {}, not {}", in_quotes(asked.back().text), sizes(model),
          sizes(last));
    return phases;
}

size_t phase_of_checkpoint(const std::vector<Phase>& phases, int64_t epoch, int64_t batch) {
    const int64_t begun = batch > 0 ? epoch + 1 : epoch;  // epochs of which there is a step
    size_t phase = 0;
    while (phase + 1 < phases.size() && begun > phases[phase].end) ++phase;
    return phase;
}

}  // namespace swingrad
