#include "train/program/console/resident.h"

#include <fstream>

#include <sys/resource.h>
#include <unistd.h>

namespace swingrad {
namespace {

constexpr double mib = 1024.0 * 1024.0;

}  // namespace

double resident_mb() {
    std::ifstream statm("/proc/self/statm");
    double total = 0, resident = 0;
    statm >> total >> resident;
    return resident * static_cast<double>(getpagesize()) / mib;
}
double peak_resident_mb() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_maxrss) / 1024.0;  // given in KiB
}

}  // namespace swingrad
