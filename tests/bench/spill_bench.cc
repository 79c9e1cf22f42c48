// How fast the spill takes messages in, and gives them back: run by hand, not a test.
//
//   warren_spill_bench [DIRECTORY] [MESSAGES]     default: /tmp/warren-spill-bench 1000000
//
// Messages of 1 KiB; all are written, then read in order, then dropped in order.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "storage/spill/spill.h"

namespace warren::storage {
namespace {

template <typename T>
T ValueOrStop(absl::StatusOr<T> result) {
  if (result.ok()) return *std::move(result);
  std::fprintf(stderr, "%s\n", result.status().ToString().c_str());
  std::exit(1);
}

void Measure(const char* name, uint64_t count, const auto& run) {
  const auto start = std::chrono::steady_clock::now();
  run();
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  std::printf("%-20s %9.0f messages/s\n", name, static_cast<double>(count) / taken.count());
}

void Run(const std::string& directory, uint64_t count) {
  const auto spill = ValueOrStop(Spill::Open({.directory = directory}));
  const auto message = MakeRef<Message>();
  message->exchange = SharedString(std::string("orders"));
  message->routing_key = SharedString(std::string("created.eu"));
  message->body = SharedString(std::string(1024, 'x'));
  std::vector<SpillHandle> handles;
  handles.reserve(count);
  Measure("write", count, [&] {
    for (uint64_t i = 0; i < count; ++i) handles.push_back(ValueOrStop(spill->Write(*message)));
  });
  Measure("read in order", count, [&] {
    for (const SpillHandle handle : handles) ValueOrStop(spill->Read(handle));
  });
  Measure("drop in order", count, [&] {
    for (const SpillHandle handle : handles) spill->Drop(handle);
  });
}

}  // namespace
}  // namespace warren::storage

int main(int argc, char** argv) {
  warren::storage::Run(argc > 1 ? argv[1] : "/tmp/warren-spill-bench",
                       argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000'000);
  return 0;
}
