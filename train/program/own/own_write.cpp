// write: a text goes on as a model has learnt to. Each token takes a forward pass over all that the model sees.
#include "train/program/own/own_write.h"

#include "core/io/quotes.h"
#include "train/program/console/flags.h"
#include "train/program/console/output.h"
#include "train/program/own/own_saved.h"

#include <algorithm>
#include <cmath>

namespace swingrad {
namespace {

// The place where the running sum of softmax(logits / temperature) passes u, in [0, 1).
int64_t drawn(const std::vector<double>& logits, double temperature, double u) {
    const auto largest = std::max_element(logits.begin(), logits.end());
    if (temperature == 0) return largest - logits.begin();
    std::vector<double> shares;
    double sum = 0;
    for (const double logit : logits) shares.push_back(sum += std::exp((logit - *largest) / temperature));
    const auto place = std::upper_bound(shares.begin(), shares.end(), u * sum);
    return place - shares.begin();
}

}  // namespace

void write_tokens(const Module& model, const Parameters& parameters, int64_t context, const Writing& writing,
                  std::vector<int64_t>& text, const std::function<void(int64_t)>& added) {
    check(!text.empty(), "[write] expected a token to begin with, got none");
    const NoGrad no_recording;
    for (int64_t i = 0; i < writing.length; ++i) {
        const auto seen = std::min(context, static_cast<int64_t>(text.size()));
        const Tensor tokens = Tensor::zeros({1, context}, DType::int64);
        std::copy(text.end() - seen, text.end(), tokens.data<int64_t>());
        const Tensor logits = model(parameters.as_input(tokens));
        const Shape& shape = logits.shape();
        check(shape.rank() == 3 && shape[0] == 1 && shape[1] == context && shape[2] > 0,
              "[write] a model of texts must give logits [1, {}, K], got {}", context, logits);
        const int64_t K = shape[2];
        const std::vector<double> next = logits.subrange((seen - 1) * K, {K}).values();
        for (int64_t token = 0; token < K; ++token) {
            const double logit = next[static_cast<size_t>(token)];
            check(std::isfinite(logit), "[write] the logit of token {} is {}, which says nothing", token, logit);
        }
        const double u = writing.random.uniform(static_cast<uint64_t>(i));
        text.push_back(drawn(next, writing.temperature, u));
        added(text.back());
    }
}

// ---- the command

namespace {

struct WriteFlags {
    std::filesystem::path checkpoint;
    std::string beginning, device = "cpu";
    int64_t seed = 0;
    Writing writing;
};

std::vector<int64_t> encoded(const TextModel& model, const std::string& text) {
    if (model.encode) return model.encode(text);
    std::vector<int64_t> tokens;
    for (const char c : text) tokens.push_back(static_cast<unsigned char>(c));
    return tokens;
}

std::string decoded(const TextModel& model, int64_t token) {
    return model.decode ? model.decode(token) : std::string(1, static_cast<char>(token));
}

// Prints lines as soon as they are whole; ends of lines and tabs are obeyed, and nothing else.
class LinesOut {
  public:
    void add(const std::string& text) {
        for (const char c : text)
            if (c == '\n') end_line();
            else line_ += c;
    }
    void end_line() {
        std::string shown;
        for (size_t begin = 0; begin <= line_.size();) {
            const size_t tab = std::min(line_.find('\t', begin), line_.size());
            shown += (begin > 0 ? "\t" : "") + on_one_line(line_.substr(begin, tab - begin));
            begin = tab + 1;
        }
        line_.clear();
        (void)print_line(shown);  // nobody asked for an end to be told (train/program/console/interrupt.h)
    }

  private:
    std::string line_;
};

int write_text(const Program& program, const WriteFlags& flags) {
    const RunFolder folder = folder_of_checkpoint(flags.checkpoint);
    read_own_config(program, folder);  // whether the run is the program's
    std::vector<int64_t> text = encoded(program.text, flags.beginning);
    const LoadedModel loaded(program, weights_of_checkpoint(flags.checkpoint), DType::float32,
                             choose_device(flags.device));
    const KeptWeights kept = loaded.parameters.keep();
    LinesOut lines;
    lines.add(flags.beginning);
    write_tokens(*loaded.model, loaded.parameters, program.text.context, flags.writing, text,
                 [&](int64_t token) { lines.add(decoded(program.text, token)); });
    lines.end_line();
    return 0;
}

}  // namespace

RunCommand declare_own_write(const Program& program, CLI::App& command) {
    auto flags = std::make_shared<WriteFlags>();
    command.add_option("TEXT", flags->beginning, "what the text begins with");
    add_flag(command, "--checkpoint", flags->checkpoint, "a run's folder, or a .safetensors file in one")->required();
    add_flag(command, "--length", flags->writing.length, "tokens to add: characters, unless the program has others");
    add_flag(command, "--temperature", flags->writing.temperature,
             "1: as likely as the model says; less: the likely becomes likelier; 0: always the likeliest");
    add_flag(command, "--seed", flags->seed, "of what is drawn: the same seed writes the same text");
    add_flag(command, "--device", flags->device, device_help);
    add_threads_flag(command);
    return [&program, flags] {
        Writing& writing = flags->writing;
        if (flags->beginning.empty()) fail_usage("expected a TEXT to begin with");
        require(writing.length >= 1 && writing.length <= most_steps, "length", "1 to 1000000", writing.length);
        require(writing.temperature >= 0 && writing.temperature <= 100, "temperature", "0 to 100", writing.temperature);
        require(flags->seed >= 0, "seed", "0 or more", flags->seed);
        writing.random = Random{static_cast<uint64_t>(flags->seed), 0x7E87};
        return write_text(program, *flags);
    };
}

}  // namespace swingrad
