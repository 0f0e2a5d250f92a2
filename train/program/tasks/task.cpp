#include "train/program/tasks/task.h"

namespace swingrad {

const Task& task_named(const std::string& name) {
    if (name == "classification") return classification_task();
    if (name == "segmentation") return segmentation_task();
    if (name == "simmim") return simmim_task();
    fail("[task] there is no task \"{}\"", name);
}

}  // namespace swingrad
