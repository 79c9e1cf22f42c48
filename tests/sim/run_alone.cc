#include "tests/sim/run_alone.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
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

// What the processes of one search share: how far each is, which is what is left of one that a
// check has ended, and the seed up to which it is worth going on.
constexpr int kJobsMax = 64;
struct Progress {
  std::atomic<uint64_t> seed = 0;
  std::atomic<uint64_t> steps = 0;
};
struct Shared {
  std::atomic<uint64_t> last = 0;
  std::array<Progress, kJobsMax> jobs;
};
static_assert(std::atomic<uint64_t>::is_always_lock_free);

// The job's seed fails: the others need only go on to that one.
void StopAll(Shared& shared, const Progress& failing) {
  uint64_t last = shared.last;
  while (failing.seed < last && !shared.last.compare_exchange_weak(last, failing.seed)) {
  }
}

// Of this process.
Shared* own_shared = nullptr;
const Progress* own_progress = nullptr;

void StopAllWhenAborted(Shared& shared, const Progress& progress) {
  own_shared = &shared;
  own_progress = &progress;
  std::signal(SIGABRT, [](int) { StopAll(*own_shared, *own_progress); });
}

}  // namespace

std::string RunAlone(const std::function<void()>& run) { return Child(run).Wait(); }

Failure RunSeeds(uint64_t first, uint64_t last, size_t actions, int jobs) {
  void* const memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  WARREN_CHECK(memory != MAP_FAILED && jobs <= kJobsMax);
  auto* const shared = new (memory) Shared();
  shared->last = last;
  const auto run_share = [=](int job) {
    Progress& progress = shared->jobs[job];
    StopAllWhenAborted(*shared, progress);
    for (uint64_t seed = first + static_cast<uint64_t>(job); seed <= shared->last;
         seed += static_cast<uint64_t>(jobs)) {
      progress.seed = seed;
      World world(seed);
      const std::string problem = world.Run(MakePlan(seed, actions));
      progress.steps += world.steps();
      if (problem.empty()) continue;
      StopAll(*shared, progress);
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
    const Progress& progress = shared->jobs[job];
    failure.steps += progress.steps;
    if (problem.empty() || (failure.seed != 0 && failure.seed < progress.seed)) continue;
    failure.seed = progress.seed;
    failure.problem = problem;
  }
  WARREN_CHECK(munmap(shared, sizeof(Shared)) == 0);
  return failure;
}

}  // namespace warren::sim
