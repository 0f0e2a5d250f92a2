// One process a run.
#pragma once

#include "train/program/run/run_folder.h"

namespace swingrad {

// While one of these lives, no other process can hold the same folder's. The lock is the kernel's, on an open file: it
// goes when the process does, however that ends, so none is ever left over. The file stays, empty.
class RunLock {
  public:
    // Throws an Error naming the folder and the process that holds it, or a symbolic link in the folder, through which
    // something outside would be written.
    explicit RunLock(const RunFolder& folder);
    ~RunLock();
    RunLock(const RunLock&) = delete;
    RunLock& operator=(const RunLock&) = delete;

  private:
    int descriptor_ = -1;
};

// The same Error where another process holds the lock; touches nothing.
void refuse_if_locked(const RunFolder& folder);

}  // namespace swingrad
