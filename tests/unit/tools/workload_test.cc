// Goal: no run passes that lost, doubled or reordered a message, or was refused one; and what goes
// through unharmed passes. Method: runs in each topology against a broker in this process that does
// to one message what a broken one would do.
#include "tools/bench/workload.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tools/bench/body.h"
#include "tools/bench/command_line.h"
#include "tools/bench/target.h"

namespace warren::tools {
namespace {

enum class Fault { kNone, kLosesOne, kDoublesOne, kDoublesOneForAnother, kSwapsTwo, kRefusesOne };

// Delivers a message as soon as it is published, on the producer's thread; so it takes one producer.
class BrokenBroker : public Target {
 public:
  explicit BrokenBroker(Fault fault) : fault_(fault) {}

  absl::Status DeclareQueue(const std::string& name, bool) override {
    queues_[name];
    return absl::OkStatus();
  }
  absl::Status DeleteQueue(const std::string& name) override {
    return queues_.erase(name) == 1 ? absl::OkStatus() : absl::NotFoundError(name);
  }
  absl::Status DeclareExchange(const std::string& name, Topology type, bool) override {
    exchange_ = name;
    type_ = type;
    return absl::OkStatus();
  }
  absl::Status DeleteExchange(const std::string& name) override {
    return std::exchange(exchange_, "") == name ? absl::OkStatus() : absl::NotFoundError(name);
  }
  absl::Status Bind(const std::string&, const std::string& queue, const std::string& key) override {
    bindings_.emplace_back(key, queue);
    return absl::OkStatus();
  }
  std::unique_ptr<PublishLink> NewPublishLink(const Workload& workload) override {
    return std::make_unique<Publisher>(*this, workload);
  }
  std::unique_ptr<ConsumeLink> NewConsumeLink(const Workload&) override {
    return std::make_unique<Consumer>(*this);
  }

  bool empty() const { return queues_.empty() && exchange_.empty(); }

 private:
  struct Publisher : PublishLink {
    Publisher(BrokenBroker& the_broker, const Workload& the_workload)
        : broker(the_broker), workload(the_workload) {}
    absl::Status Open(OnConfirm callback) override {
      on_confirm = std::move(callback);
      return absl::OkStatus();
    }
    absl::Status Publish(const std::string& key, const std::string& body) override {
      const uint64_t sequence = ++published;
      const bool taken = !(broker.fault_ == Fault::kRefusesOne && sequence == kChosen);
      if (taken) broker.Route(workload, key, body, sequence);
      on_confirm(sequence, sequence, taken);
      return absl::OkStatus();
    }
    absl::Status Flush() override { return absl::OkStatus(); }
    void Close() override {}

    BrokenBroker& broker;
    const Workload& workload;
    OnConfirm on_confirm;
    uint64_t published = 0;
  };

  struct Consumer : ConsumeLink {
    explicit Consumer(BrokenBroker& the_broker) : broker(the_broker) {}
    absl::Status Open(const std::string& queue, OnDelivery on_delivery) override {
      broker.queues_[queue].push_back(std::move(on_delivery));
      return absl::OkStatus();
    }
    absl::Status Stop() override { return absl::OkStatus(); }
    BrokenBroker& broker;
  };

  static constexpr uint64_t kChosen = 50;

  void Route(const Workload& workload, const std::string& key, const std::string& body,
             uint64_t sequence) {
    if (workload.topology == Topology::kDirect) return Deliver(key, body, sequence);
    for (const auto& [pattern, queue] : bindings_) {
      if (type_ == Topology::kFanout || pattern == key) Deliver(queue, body, sequence);
    }
  }

  // The fault befalls one copy of one message, in the queue that the workload names last.
  void Deliver(const std::string& name, const std::string& body, uint64_t sequence) {
    auto& consumers = queues_.at(name);
    const auto& consumer = consumers[sequence / 2 % consumers.size()];
    const bool chosen = sequence == kChosen && name == queues_.rbegin()->first;
    if (chosen && (fault_ == Fault::kLosesOne || fault_ == Fault::kDoublesOneForAnother)) return;
    if (chosen && fault_ == Fault::kSwapsTwo) {
      held_ = body;
      return;
    }
    consumer(body, false);
    if (name != queues_.rbegin()->first) return;
    if (chosen && fault_ == Fault::kDoublesOne) consumers.back()(body, false);
    if (fault_ == Fault::kDoublesOneForAnother && sequence == kChosen + 2) {
      consumers.front()(body, false);
    }
    if (!held_.empty()) consumer(std::exchange(held_, ""), false);
  }

  const Fault fault_;
  std::map<std::string, std::vector<ConsumeLink::OnDelivery>> queues_;
  std::string exchange_;
  Topology type_ = Topology::kDirect;
  std::vector<std::pair<std::string, std::string>> bindings_;
  std::string held_;
};

class RunTest : public ::testing::TestWithParam<Topology> {
 protected:
  Result RunWith(Fault fault, int consumers = 2) {
    Workload workload;
    workload.queues = 2;
    workload.consumers = consumers;
    workload.topology = GetParam();
    workload.count = 200;
    workload.patience = std::chrono::milliseconds(100);
    BrokenBroker broker(fault);
    const auto result = tools::Run(broker, workload, false);
    EXPECT_TRUE(result.ok()) << result.status();
    EXPECT_TRUE(broker.empty());
    return *result;
  }
  uint64_t copies() const { return GetParam() == Topology::kFanout ? 2 : 1; }
};

TEST_P(RunTest, PassesWhatGoesThroughUnharmed) {
  for (const int consumers : {2, 6}) {
    const Result result = RunWith(Fault::kNone, consumers);
    EXPECT_TRUE(result.complete);
    EXPECT_EQ(result.confirmed, 200u);
    EXPECT_EQ(result.expected, 200 * copies());
    EXPECT_EQ(result.consumed, 200 * copies());
    EXPECT_EQ(result.end_to_end_latency.count(), 200 * copies());
  }
}

TEST_P(RunTest, FailsIfAMessageIsLost) {
  const Result result = RunWith(Fault::kLosesOne);
  EXPECT_FALSE(result.complete);
  EXPECT_EQ(result.lost, 1u);
}

TEST_P(RunTest, FailsIfAMessageComesTwice) {
  const Result result = RunWith(Fault::kDoublesOne, 6);
  EXPECT_FALSE(result.complete);
  EXPECT_EQ(result.doubled, 1u);
  EXPECT_EQ(result.lost, 0u);
}

TEST_P(RunTest, FailsIfOneThatCameTwiceMakesUpForOneThatIsLost) {
  const Result result = RunWith(Fault::kDoublesOneForAnother, 6);
  EXPECT_FALSE(result.complete);
  EXPECT_EQ(result.consumed, 200 * copies());
  EXPECT_EQ(result.lost, 1u);
  EXPECT_EQ(result.doubled, 1u);
}

TEST_P(RunTest, FailsIfAMessagePassesAnother) {
  const Result result = RunWith(Fault::kSwapsTwo);
  EXPECT_FALSE(result.complete);
  EXPECT_EQ(result.out_of_order, 1u);
  EXPECT_EQ(result.lost + result.doubled, 0u);
}

TEST_P(RunTest, FailsIfAMessageIsRefused) {
  const Result result = RunWith(Fault::kRefusesOne);
  EXPECT_FALSE(result.complete);
  EXPECT_EQ(result.refused, 1u);
  EXPECT_EQ(result.expected, 199 * copies());
  EXPECT_EQ(result.lost, 0u);
}

INSTANTIATE_TEST_SUITE_P(Topologies, RunTest,
                         ::testing::Values(Topology::kDirect, Topology::kTopic, Topology::kFanout),
                         [](const auto& info) { return std::string(NameOf(info.param)); });

// Exit status and standard error of a program that knows queues alone, and reaches no broker.
std::pair<int, std::string> RunSimpleProgram(std::vector<std::string> flags) {
  BenchProgram program{.name = "simple_bench", .description = "simple_bench"};
  program.add_flags = [](CLI::App&) {};
  program.connect = []() -> absl::StatusOr<std::unique_ptr<Target>> {
    return absl::UnavailableError("connected");
  };
  program.explain = [](const absl::Status& status) { return std::string(status.message()); };
  flags.insert(flags.begin(), "simple_bench");
  std::vector<char*> argv;
  for (std::string& flag : flags) argv.push_back(flag.data());
  ::testing::internal::CaptureStderr();
  const int status = RunBenchProgram(program, static_cast<int>(argv.size()), argv.data());
  return {status, ::testing::internal::GetCapturedStderr()};
}

TEST(BenchProgram, RefusesWhatItDoesNotKnowAndSaysSo) {
  EXPECT_EQ(RunSimpleProgram({}).first, 3) << "nothing to refuse: it connects";
  for (const std::vector<std::string>& flags :
       {std::vector<std::string>{"--topology", "topic"}, {"--topology", "fanout"},
        {"--transaction", "10"}}) {
    const auto [status, errors] = RunSimpleProgram(flags);
    EXPECT_EQ(status, 2);
    EXPECT_NE(errors.find(flags[0]), errors.npos) << errors;
    EXPECT_NE(errors.find("simple_bench knows"), errors.npos) << errors;
  }
}

TEST(BenchProgram, RefusesFlagsThatDoNotGoTogether) {
  for (const std::vector<std::string>& flags :
       {std::vector<std::string>{"--topology", "ring"}, {"--bindings", "5"}, {"--matching", "2"},
        {"--producers", "0", "--consumers", "0"}, {"--queues", "2"},
        {"--ack-batch", "10", "--prefetch", "9"}, {"--ack-batch", "10", "--auto-ack"},
        {"--size", "7"}, {"--size", "100:"}}) {
    EXPECT_EQ(RunSimpleProgram(flags).first, 2) << ::testing::PrintToString(flags);
  }
}

}  // namespace
}  // namespace warren::tools
