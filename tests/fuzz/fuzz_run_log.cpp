// A run's log.jsonl, as far as its figures' texts.
#include "tests/fuzz/targets.h"
#include "train/program/report/curves.h"

namespace swingrad::fuzz {

void run_log(Bytes bytes) {
    static const MemoryFile file;
    file.write(bytes);
    reads([&] {
        const LogTable log = read_log(file.path());
        csv_of(log);
        for (const NamedFigure& one : curves({{"run", log}}))
            for (const Series& series : one.figure.series)
                promise(series.x.size() == series.y.size() && series.x.size() == log.epochs.size(),
                        "a curve without a number an epoch");
    });
}

}  // namespace swingrad::fuzz
