#include "tests/support/spawn.h"

#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

extern char** environ;

namespace warren::testing {
namespace {

// A file without a name: takes any amount without a reader, unlike a pipe.
class ScratchFile {
 public:
  explicit ScratchFile(const std::string& content = "") : fd_(memfd_create("warren", MFD_CLOEXEC)) {
    if (write(fd_, content.data(), content.size()) == static_cast<ssize_t>(content.size())) {
      lseek(fd_, 0, SEEK_SET);
    }
  }
  ~ScratchFile() { close(fd_); }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  int fd() const { return fd_; }

  std::string Read() const {
    std::string content;
    char chunk[4096];
    ssize_t size;
    while ((size = pread(fd_, chunk, sizeof(chunk), static_cast<off_t>(content.size()))) > 0) {
      content.append(chunk, static_cast<size_t>(size));
    }
    return content;
  }

 private:
  const int fd_;
};

}  // namespace

absl::StatusOr<pid_t> Spawn(const std::vector<std::string>& command, const SpawnOptions& options) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const int descriptors[] = {options.standard_input, options.standard_output,
                             options.standard_error};
  for (int target = 0; target < 3; ++target) {
    if (descriptors[target] >= 0) {
      posix_spawn_file_actions_adddup2(&actions, descriptors[target], target);
    }
  }
  pid_t pid = -1;
  const int error =
      posix_spawn(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return absl::ErrnoToStatus(error, "can't start " + command[0]);
  return pid;
}

absl::StatusOr<CommandResult> RunCommand(const std::vector<std::string>& command,
                                         const std::string& input) {
  const ScratchFile in(input);
  const ScratchFile out;
  const ScratchFile err;
  auto pid = Spawn(command, {.standard_input = in.fd(),
                             .standard_output = out.fd(),
                             .standard_error = err.fd()});
  if (!pid.ok()) return pid.status();
  int status = 0;
  while (waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
  }
  return CommandResult{.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
                       .output = out.Read(),
                       .errors = err.Read()};
}

}  // namespace warren::testing
