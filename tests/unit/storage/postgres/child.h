// A process that does nothing, until it is killed.
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "gtest/gtest.h"
#include "storage/postgres/process_name.h"

namespace warren::storage {

class Child {
 public:
  Child() {
    int ends[2];
    if (pipe(ends) != 0) ADD_FAILURE() << "no pipe";
    pid_ = fork();
    if (pid_ == 0) {
      const std::string name = ThisProcess();
      if (write(ends[1], name.data(), name.size()) < 0) _exit(1);
      close(ends[1]);
      while (true) pause();
    }
    close(ends[1]);
    char name[512];
    const ssize_t size = read(ends[0], name, sizeof(name));
    if (size > 0) name_.assign(name, static_cast<size_t>(size));
    close(ends[0]);
  }
  ~Child() {
    Kill();
    Reap();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  const std::string& name() const { return name_; }

  // Returns when it is dead; it is a zombie until Reap.
  void Kill() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    siginfo_t info;
    waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
  }
  void Reap() {
    if (pid_ > 0) waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
  std::string name_;
};

}  // namespace warren::storage
