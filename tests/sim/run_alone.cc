#include "tests/sim/run_alone.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "tests/sim/world.h"

namespace warren::sim {
namespace {

// A process that runs something, and what it says on standard error.
class Child {
 public:
  explicit Child(const std::function<void()>& run) {
    std::array<int, 2> ends{};
    WARREN_CHECK(pipe(ends.data()) == 0);
    std::fflush(nullptr);
    pid_ = fork();
    WARREN_CHECK(pid_ >= 0);
    if (pid_ == 0) {
      close(ends[0]);
      dup2(ends[1], STDERR_FILENO);
      run();
      _exit(0);
    }
    close(ends[1]);
    from_ = ends[0];
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // All that it said until it ended. REQUIRES: called once.
  std::string Wait() {
    std::string said;
    std::array<char, 4096> part;
    for (ssize_t n = 0; (n = read(from_, part.data(), part.size())) != 0;) {
      if (n > 0) said.append(part.data(), static_cast<size_t>(n));
      if (n < 0 && errno != EINTR) break;
    }
    close(from_);
    int status = 0;
    WARREN_CHECK(waitpid(pid_, &status, 0) == pid_);
    if (WIFSIGNALED(status)) {
      absl::StrAppend(&said, "the process ended: ", strsignal(WTERMSIG(status)), "\n");
    }
    return said;
  }

 private:
  pid_t pid_ = 0;
  int from_ = -1;
};

}  // namespace

std::string RunAlone(const std::function<void()>& run) { return Child(run).Wait(); }

Failure RunSeeds(uint64_t first, uint64_t last, size_t actions, int jobs) {
  // How far each job is: what is left of one that a check has ended. Once one has failed, the others
  // go on to that seed only.
  struct Progress {
    uint64_t seed;
    uint64_t steps;
  };
  const size_t bytes = sizeof(Progress) * static_cast<size_t>(jobs) + sizeof(uint64_t);
  void* const shared = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  WARREN_CHECK(shared != MAP_FAILED);
  const auto progress = static_cast<Progress*>(shared);
  const auto lowest = static_cast<volatile uint64_t*>(static_cast<void*>(progress + jobs));
  *lowest = last;
  const auto run_share = [=](int job) {
    for (uint64_t seed = first + static_cast<uint64_t>(job); seed <= *lowest;
         seed += static_cast<uint64_t>(jobs)) {
      progress[job].seed = seed;
      World world(seed);
      const std::string problem = world.Run(MakePlan(seed, actions));
      progress[job].steps += world.steps();
      if (problem.empty()) continue;
      *lowest = seed;
      std::fprintf(stderr, "%s\n", problem.c_str());
      return;
    }
  };
  std::vector<std::unique_ptr<Child>> children;
  for (int job = 0; job < jobs; ++job) {
    children.push_back(std::make_unique<Child>([&run_share, job] { run_share(job); }));
  }
  Failure failure;
  for (size_t job = 0; job < children.size(); ++job) {
    const std::string problem = children[job]->Wait();
    failure.steps += progress[job].steps;
    if (!problem.empty()) *lowest = std::min<uint64_t>(*lowest, progress[job].seed);
    if (problem.empty() || (failure.seed != 0 && failure.seed < progress[job].seed)) continue;
    failure.seed = progress[job].seed;
    failure.problem = problem;
  }
  WARREN_CHECK(munmap(shared, bytes) == 0);
  return failure;
}

}  // namespace warren::sim
