// How much of PostgreSQL's own speed the journal leaves: run by hand, not a test.
//
//   warren_copy_bench [MESSAGES]     default: 200000
//
// Starts a server of its own, which syncs as a server does, and takes turns in one run, so that a
// busy disk slows both alike: bare COPY of rows that were encoded before, into a table of the same
// columns; and Append of the same messages, which encodes them, fences the commit, and keeps the
// segments tidy.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/postgres/copy_format.h"
#include "storage/postgres/link.h"
#include "storage/postgres/message_row.h"
#include "storage/postgres/postgres_journal.h"
#include "tests/support/postgres_server.h"

namespace warren::storage {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr size_t kBodyBytes = 1024;
constexpr QueueId kQueue{1};
constexpr int kTurns = 20;
// How far a served queue is behind.
constexpr uint64_t kBehind = 20'000;

void StopUnlessOk(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

template <typename T>
T OrStop(absl::StatusOr<T> result) {
  StopUnlessOk(result.status());
  return *std::move(result);
}

class Messages {
 public:
  MessagePublished Next() {
    auto message = MakeRef<Message>();
    message->exchange = exchange_;
    message->routing_key = key_;
    message->body = SharedString(std::string(kBodyBytes, 'x'));
    message->published_at_ms = 1'700'000'000'000;
    message->persistent = true;
    return {{++last_}, std::move(message), {{.queue = kQueue}}};
  }
  uint64_t last() const { return last_; }

 private:
  uint64_t last_ = 0;
  const SharedString exchange_{std::string("orders")};
  const SharedString key_{std::string("created.eu")};
};

class BareCopy {
 public:
  explicit BareCopy(const std::string& url) : link_(OrStop(Link::Connect({.access = {.url = url}}))) {
    StopUnlessOk(link_->Run(
        "CREATE TABLE public.bare (LIKE warren.messages INCLUDING STORAGE)"
        " WITH (toast_tuple_target = 8160, autovacuum_enabled = false)",
        "make a table"));
  }

  void Prepare(uint64_t batch) {
    StopUnlessOk(link_->Run("TRUNCATE public.bare", "empty the table"));
    rows_.Clear(0);
    CopyWriter out(rows_);
    MessageRowWriter writer;
    Messages messages;
    out.Header();
    for (uint64_t i = 0; i < batch; ++i) StopUnlessOk(writer.Write(out, 1, messages.Next()));
    out.Trailer();
  }
  void Write() {
    link_->Begin("COPY public.bare FROM STDIN (FORMAT binary)", "copy");
    link_->Put(rows_.view());
    link_->EndCopy();
    StopUnlessOk(link_->Finish());
  }

 private:
  std::unique_ptr<Link> link_;
  CopyBuffer rows_;
};

class Appending {
 public:
  explicit Appending(const std::string& url)
      : journal_(OrStop(PostgresJournal::Open({.access = {.url = url}}, nullptr))) {}

  // Makes batches, of which each settles what is more than `behind` messages old.
  void Prepare(uint64_t batches, uint64_t size, uint64_t behind) {
    batches_.clear();
    while (batches_.size() < batches) {
      Batch& batch = batches_.emplace_back(Batch{.lsn = {++lsn_}});
      for (uint64_t i = 0; i < size; ++i) batch.records.push_back(messages_.Next());
      while (messages_.last() - settled_ > behind) {
        batch.records.push_back(EntryRemoved{{++settled_}, kQueue, true});
      }
    }
  }
  void Write() {
    StopUnlessOk(journal_->Append(batches_.front()));
    batches_.pop_front();
    journal_->Maintain();
  }

 private:
  std::unique_ptr<PostgresJournal> journal_;
  Messages messages_;
  std::deque<Batch> batches_;
  uint64_t lsn_ = 0;
  uint64_t settled_ = 0;
};

template <typename Do>
double Time(uint64_t times, Do once) {
  const auto start = Clock::now();
  for (uint64_t i = 0; i < times; ++i) once();
  return Seconds(Clock::now() - start).count();
}

void Compare(BareCopy& bare, Appending& appending, uint64_t messages, uint64_t size,
             uint64_t behind, const char* name) {
  bare.Prepare(size);
  const uint64_t batches = std::max<uint64_t>(messages / size / kTurns, 1);
  double bare_seconds = 0;
  double append_seconds = 0;
  for (int turn = 0; turn < kTurns; ++turn) {
    appending.Prepare(batches, size, behind);
    bare_seconds += Time(batches, [&] { bare.Write(); });
    append_seconds += Time(batches, [&] { appending.Write(); });
  }
  const auto written = static_cast<double>(batches * size * kTurns);
  std::printf("batches of %4llu, %-8s bare COPY %7.0f/s   Append %7.0f/s   ratio %.2f   %.2f ms\n",
              static_cast<unsigned long long>(size), name, written / bare_seconds,
              written / append_seconds, bare_seconds / append_seconds,
              append_seconds * 1000 / static_cast<double>(batches * kTurns));
}

int Run(uint64_t messages) {
  if (!testing::PostgresServer::Installed()) {
    std::fprintf(stderr, "%s\n", testing::PostgresServer::kNotInstalled);
    return 1;
  }
  const auto server =
      OrStop(testing::PostgresServer::Make({.settings = {"fsync = on", "max_wal_size = 4GB"}}));
  const std::string url = server->CreateDatabase();
  Appending appending(url);
  BareCopy bare(url);
  for (const uint64_t size : {1, 10, 100, 1000}) {
    const uint64_t some = std::min(messages, size * 2000);
    Compare(bare, appending, some, size, UINT64_MAX, "backlog");
  }
  // What has piled up is settled.
  appending.Prepare(1, 1, kBehind);
  appending.Write();
  for (const uint64_t size : {1, 10, 100, 1000}) {
    const uint64_t some = std::min(messages, size * 2000);
    Compare(bare, appending, some, size, kBehind, "served");
  }
  return 0;
}

}  // namespace
}  // namespace warren::storage

int main(int argc, char** argv) {
  return warren::storage::Run(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 200'000);
}
