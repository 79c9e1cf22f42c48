// How fast a journal takes messages in, and gives them back: run by hand, not a test.
//
//   warren_journal_bench [URL] [MESSAGES]     default: rocksdb:/tmp/warren-journal-bench 1000000
//
// URL is as of --storage, so a database has to be there already: postgres://…; warren_copy_bench
// starts a server of its own, and measures what PostgreSQL itself could do.
//
// Appends that many 1 KiB messages in batches of 100, of which each batch also settles those of
// 1000 batches before (a queue that is served, some way behind); then as many in batches of 1000;
// then leaves a backlog of that many, opens the journal again and recovers it.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "storage/open.h"

namespace warren::storage {
namespace {

constexpr size_t kBodyBytes = 1024;
constexpr QueueId kQueue{1};

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

[[noreturn]] void Stop(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

void StopUnlessOk(const absl::Status& status) {
  if (!status.ok()) Stop(status);
}

class Load {
 public:
  explicit Load(const std::string& url) : url_(url) { Reopen(); }

  void Reopen() {
    journal_.reset();
    absl::StatusOr<std::unique_ptr<Journal>> journal = OpenJournal({.url = url_});
    if (!journal.ok()) Stop(journal.status());
    journal_ = *std::move(journal);
    lsn_ = 0;
  }

  // Publishes `count` messages, settling those that are more than `behind` messages old.
  void Run(const char* name, uint64_t count, uint64_t batch_size, uint64_t behind) {
    const auto start = std::chrono::steady_clock::now();
    for (uint64_t done = 0; done < count; done += batch_size) {
      Batch batch{.lsn = {++lsn_}};
      for (uint64_t i = 0; i < batch_size; ++i) batch.records.push_back(Publish());
      while (published_ - settled_ > behind) {
        batch.records.push_back(EntryRemoved{{++settled_}, kQueue, true});
      }
      StopUnlessOk(journal_->Append(batch));
      journal_->Maintain();
    }
    const double seconds = SecondsSince(start);
    std::printf("%-40s %9.0f messages/s  %6.0f batches/s\n", name, count / seconds,
                count / batch_size / seconds);
  }

  // Settles all that is left.
  void Drain() {
    while (settled_ < published_) {
      Batch batch{.lsn = {++lsn_}};
      for (int i = 0; i < 1000 && settled_ < published_; ++i) {
        batch.records.push_back(EntryRemoved{{++settled_}, kQueue, true});
      }
      StopUnlessOk(journal_->Append(batch));
      journal_->Maintain();
    }
  }

  void Recover(const char* name) {
    const auto start = std::chrono::steady_clock::now();
    Reopen();
    const double open_seconds = SecondsSince(start);
    uint64_t messages = 0;
    StopUnlessOk(journal_->Recover([&](Record record) {
      if (const auto* published = std::get_if<MessagePublished>(&record)) {
        ++messages;
        published_ = std::max(published_, published->id.value);
      }
      return absl::OkStatus();
    }));
    std::printf("%-40s %9llu messages in %.2f s (%.2f s of them to open)\n", name,
                static_cast<unsigned long long>(messages), SecondsSince(start), open_seconds);
  }

 private:
  MessagePublished Publish() {
    auto message = MakeRef<Message>();
    message->exchange = exchange_;
    message->routing_key = key_;
    message->body = SharedString(std::string(kBodyBytes, 'x'));
    message->persistent = true;
    return {{++published_}, std::move(message), {{.queue = kQueue}}};
  }

  const std::string url_;
  std::unique_ptr<Journal> journal_;
  uint64_t lsn_ = 0;
  uint64_t published_ = 0;
  uint64_t settled_ = 0;
  const SharedString exchange_{std::string("orders")};
  const SharedString key_{std::string("created.eu")};
};

}  // namespace
}  // namespace warren::storage

int main(int argc, char** argv) {
  const std::string url = argc > 1 ? argv[1] : "rocksdb:/tmp/warren-journal-bench";
  const uint64_t count = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000'000;
  warren::storage::Load load(url);
  load.Recover("open and recover what is there");
  load.Run("batches of 100, served", count, 100, 100'000);
  load.Run("batches of 1000, served", count, 1000, 100'000);
  load.Drain();
  load.Recover("recover after all is settled");
  load.Run("batches of 1000, backlog", count, 1000, UINT64_MAX);
  load.Recover("recover the backlog");
  load.Drain();
  return 0;
}
