// One process a run, and one folder.
#pragma once

#include "train/program/run/run_folder.h"

#include <optional>

namespace swingrad {

// While one of these lives, no other process can hold the same folder's. The locks are the kernel's, on open files:
// they go when the process does, however that ends, so none is ever left over. The file .lock stays, empty; where
// somebody removes it, the folder is locked all the same.
class RunLock {
  public:
    // Of several ranks (train/ranks/ranks.h) the first holds it for all; the others' is no lock.
    // Throws an Error naming the folder and the process that holds it, or a symbolic link in the folder, through which
    // something outside would be written.
    explicit RunLock(const RunFolder& folder);
    ~RunLock();
    RunLock(const RunLock&) = delete;
    RunLock& operator=(const RunLock&) = delete;

    const RunFolder& folder() const { return folder_; }
    // Where the folder that was locked is now, if its path no longer leads to it: empty where it has been removed. None
    // where all is well, or the system does not say.
    std::optional<std::filesystem::path> moved_to() const;
    // Throws an Error where it is no longer there. What is written by its path would be written elsewhere.
    void require_there() const;
    std::string text_of_move(const std::filesystem::path& now) const;  // "[run] runs/a has been moved to /tmp/a"

  private:
    void lock_file();
    void lock_folder();

    const RunFolder folder_;
    int file_ = -1, directory_ = -1;  // descriptors
};

// The same Error where another process holds the lock; touches nothing.
void refuse_if_locked(const RunFolder& folder);

}  // namespace swingrad
