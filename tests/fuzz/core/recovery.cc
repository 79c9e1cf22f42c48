// Goal: whatever live records a store yields, recovery ends with DATA_LOSS or with a sound broker,
// which can then be used, and recovered from again.
// Method: records are built from the input, mostly in the order that Journal::Recover promises; a
// broker that takes them all is stepped through what clients would do. Its journal is what was
// recovered and what it wrote since; another broker must take that without complaint.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "server/base/check.h"
#include "server/core/broker.h"
#include "storage/live_state.h"
#include "tests/fuzz/core/pages.h"
#include "tests/fuzz/support/record_maker.h"

namespace warren::core {
namespace {

constexpr int64_t kNowMs = 1'700'000'000'000;
constexpr size_t kRecordsMax = 60;

// Kinds of live records, by their index in Record, as Journal::Recover orders them; IdsReserved
// comes once, before them.
constexpr size_t kLive[] = {1, 2, 4, 6, 8, 12, 14, 19, 9};
constexpr size_t kIdsReserved = 0;

std::vector<storage::Record> MakeRecords(fuzz::Input& in) {
  fuzz::RecordMaker maker(in);
  std::vector<storage::Record> records;
  // Without these two, hardly any other record makes sense.
  records.push_back(maker.MostlySound(kIdsReserved));
  if (!in.OneIn(16)) records.push_back(storage::VirtualHostDeclared{"/"});
  size_t kind = 0;
  while (!in.empty() && records.size() < kRecordsMax) {
    if (in.OneIn(3) && kind + 1 < std::size(kLive)) ++kind;
    const bool any = in.OneIn(16);
    constexpr size_t kKinds = std::variant_size_v<storage::Record>;
    records.push_back(maker.MostlySound(any ? 1 + in.Below(kKinds - 1) : kLive[kind]));
  }
  return records;
}

class Use {
 public:
  Use(Broker& broker, storage::LiveState& journal, fuzz::Input& input)
      : in_(input), broker_(broker), journal_(journal) {}

  void All() {
    static constexpr const char* kNames[] = {"a", "b", "c", "d"};
    broker_.CheckInvariants();
    Step(Tick{});
    Step(DeclareQueue{{1}, "/", "new", storage::QueueOptions{.durable = true}});
    Step(DeclareExchange{{2}, "/", "a", storage::ExchangeOptions{.durable = true}});
    Step(OpenPublisher{{3}, "/", "a"});
    for (const char* name : kNames) {
      Step(Bind{{4}, "/", {.source = name, .destination = name, .key = "a"}});
      Publication publication{.message = storage::MakeRef<storage::Message>()};
      publication.message->exchange = storage::SharedString(in_.Coin() ? name : "");
      publication.message->routing_key = storage::SharedString(name);
      publication.message->persistent = true;
      Publish publish{.publisher = {3}, .first_sequence = ++sequence_};
      publish.publications.push_back(std::move(publication));
      Step(std::move(publish));
      Step(Subscribe{.consumer = {++consumer_}, .virtual_host = "/", .queue = name});
      Settle settle{.consumer = {consumer_}, .settle_id = 1};
      settle.settlements.push_back({.up_to = {1}, .outcome = in_.Enumerator(SettleOutcome::kAck,
                                                                           SettleOutcome::kRetry)});
      Step(std::move(settle));
    }
    for (int i = 0; i < 4; ++i) {
      if (const std::optional<int64_t> deadline = broker_.NextDeadline()) {
        now_ms_ = std::max(now_ms_, *deadline);
      }
      Step(Tick{});
    }
    if (in_.Coin()) Step(DeleteQueue{{5}, "/", in_.OneOf(kNames)});
    if (in_.Coin()) Step(FinishShutdown{});
  }

 private:
  void Step(Command command) {
    Effects effects;
    broker_.Step(now_ms_, std::move(command), effects);
    broker_.CheckInvariants();
    while (broker_.HasPendingRecords()) {
      const storage::Batch batch = broker_.TakeBatch();
      journal_.Apply(batch);
      broker_.Step(now_ms_, Durable{batch.lsn}, effects);
      broker_.CheckInvariants();
    }
    if (!broker_.HasPageWork()) return;
    broker_.Step(now_ms_, pages_.Move(broker_.TakePageWork(), in_), effects);
    broker_.CheckInvariants();
  }

  fuzz::Input& in_;
  Broker& broker_;
  storage::LiveState& journal_;
  Pages pages_;
  int64_t now_ms_ = kNowMs;
  uint64_t sequence_ = 1'000'000;
  uint64_t consumer_ = 10;
};

void Run(fuzz::Input& in) {
  storage::LiveState journal;
  // Half of the brokers are short of memory at once.
  Broker broker(BrokerOptions{.seed = 1, .page_out_above_bytes = in.Coin() ? 1u : 0u});
  for (storage::Record& record : MakeRecords(in)) {
    journal.Apply(record);
    const absl::Status restored = broker.Restore(std::move(record), kNowMs);
    if (restored.ok()) continue;
    WARREN_CHECK(absl::IsDataLoss(restored));
    return;
  }
  broker.FinishRecovery(kNowMs);
  Use(broker, journal, in).All();

  Broker next(BrokerOptions{.seed = 2});
  const absl::Status again = journal.Emit([&next](storage::Record record) {
    return next.Restore(std::move(record), kNowMs);
  });
  if (!again.ok()) std::fprintf(stderr, "%s\n", again.ToString().c_str());
  WARREN_CHECK(again.ok());
  next.FinishRecovery(kNowMs);
  next.CheckInvariants();
}

}  // namespace
}  // namespace warren::core

void warren::fuzz::TestOne(Input& input) { core::Run(input); }
