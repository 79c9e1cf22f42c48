// warrenctl and warren-bench as an operator runs them, against a real broker.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/broker_process.h"
#include "tests/support/spawn.h"
#include "tests/support/storage_under_test.h"

namespace warren {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Json = nlohmann::json;
using Words = std::vector<std::string>;

class ToolsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const absl::Status started = broker_.Start();
    ASSERT_TRUE(started.ok()) << started;
  }

  testing::CommandResult Run(const std::string& binary, Words words, const std::string& input) {
    words.insert(words.begin(), {binary, "--address", broker_.address()});
    auto result = testing::RunCommand(words, input);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *std::move(result) : testing::CommandResult();
  }

  testing::CommandResult Ctl(Words words, const std::string& input = "") {
    return Run(WARRENCTL_BINARY, std::move(words), input);
  }

  // REQUIRES: success.
  Json CtlJson(Words words) {
    words.insert(words.end(), {"-o", "json"});
    const testing::CommandResult result = Ctl(std::move(words));
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return Json::parse(result.output, nullptr, false);
  }

  const testing::StorageUnderTest storage_;
  testing::BrokerProcess broker_{{.storage = storage_.url(), .arguments = {}}};
};

TEST_F(ToolsTest, AFirstMessageGoesThereAndBack) {
  EXPECT_EQ(Ctl({"queue", "declare", "hello"}).exit_code, 0);
  EXPECT_EQ(Ctl({"publish", "--key", "hello", "Hello, world"}).output, "accepted\n");
  EXPECT_THAT(Ctl({"get", "hello"}).output,
              AllOf(HasSubstr("TAG"), HasSubstr("ROUTING_KEY"), HasSubstr("Hello, world")));
  const Json got = CtlJson({"get", "hello", "--ack"});
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0]["body"], "Hello, world");
  EXPECT_EQ(got[0]["redelivered"], true);
  EXPECT_EQ(CtlJson({"get", "hello"}).size(), 0u);
}

TEST_F(ToolsTest, RoutesByBindingsOfEveryKind) {
  EXPECT_EQ(Ctl({"exchange", "declare", "logs", "--type", "topic"}).exit_code, 0);
  EXPECT_EQ(Ctl({"exchange", "declare", "audit", "--type", "headers"}).exit_code, 0);
  for (const char* queue : {"errors", "eu"}) {
    EXPECT_EQ(Ctl({"queue", "declare", queue}).exit_code, 0);
  }
  EXPECT_EQ(Ctl({"binding", "add", "logs", "errors", "--key", "*.error.#"}).exit_code, 0);
  EXPECT_EQ(Ctl({"binding", "add", "logs", "audit", "--to-exchange", "--key", "#"}).exit_code, 0);
  EXPECT_EQ(
      Ctl({"binding", "add", "audit", "eu", "--arg", "region=eu", "--arg", "n:int=3"}).exit_code, 0);
  EXPECT_EQ(Ctl({"publish", "--exchange", "logs", "--key", "db.error.disk", "--header", "region=eu",
                 "--header", "n:int=3", "full"})
                .exit_code,
            0);
  EXPECT_EQ(CtlJson({"get", "errors"})[0]["routing_key"], "db.error.disk");
  EXPECT_EQ(CtlJson({"get", "eu"})[0]["headers"], Json({{"n", 3}, {"region", "eu"}}));
  EXPECT_EQ(Ctl({"binding", "remove", "logs", "errors", "--key", "*.error.#"}).exit_code, 0);
  EXPECT_EQ(Ctl({"exchange", "delete", "logs"}).exit_code, 0);
}

TEST_F(ToolsTest, QueueOptionsReachTheBroker) {
  EXPECT_EQ(Ctl({"queue", "declare", "jobs", "--durable", "--ttl", "1h", "--expires", "24h",
                 "--max-length", "10", "--max-length-bytes", "1000", "--overflow", "reject-publish",
                 "--dead-letter-exchange", "dlx", "--dead-letter-routing-key", "dead",
                 "--max-priority", "5", "--retry-max-attempts", "3",
                 "--retry-initial-backoff", "2s", "--retry-multiplier", "3", "--retry-max-backoff", "1m", "--retry-jitter", "0.1",
                 "--dedup-window", "5m"})
                .exit_code,
            0);
  // The broker knows them: with one changed it refuses, and says which.
  const auto other = Ctl({"queue", "declare", "jobs", "--durable", "--ttl", "2h"});
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_THAT(other.errors, HasSubstr("FAILED_PRECONDITION"));
}

TEST_F(ToolsTest, BodiesOfAnyKindComeFromStandardInput) {
  const std::string bytes("\x00\xFF\n\x01", 4);
  Ctl({"queue", "declare", "files"});
  EXPECT_EQ(Ctl({"publish", "--key", "files", "-"}, bytes).exit_code, 0);
  EXPECT_EQ(CtlJson({"get", "files"})[0]["body_base64"], "AP8KAQ==");
}

TEST_F(ToolsTest, ConsumeTakesMessagesOrGivesThemBack) {
  Ctl({"queue", "declare", "orders"});
  for (const char* body : {"one", "two", "three"}) Ctl({"publish", "--key", "orders", body});
  EXPECT_THAT(Ctl({"consume", "orders", "--count", "1", "--no-ack"}).output, HasSubstr("one"));
  const auto consumed = Ctl({"consume", "orders", "--count", "2", "-o", "json"});
  EXPECT_EQ(consumed.exit_code, 0) << consumed.errors;
  EXPECT_EQ(std::count(consumed.output.begin(), consumed.output.end(), '\n'), 2);
  EXPECT_EQ(CtlJson({"queue", "declare", "orders", "--passive"})[0]["messages"], 1);
  EXPECT_EQ(CtlJson({"queue", "purge", "orders"})["messages"], 1);
  EXPECT_EQ(CtlJson({"queue", "delete", "orders"})["messages"], 0);
}

TEST_F(ToolsTest, ExitCodesTellWhoseFaultItIs) {
  const auto refused = Ctl({"get", "nowhere"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.errors, AllOf(HasSubstr("nowhere"), HasSubstr("QUEUE_NOT_FOUND")));
  const auto refused_json = Ctl({"get", "nowhere", "-o", "json"});
  EXPECT_EQ(Json::parse(refused_json.errors)["error"]["reason"], "QUEUE_NOT_FOUND");
  EXPECT_EQ(Ctl({"publish", "--key", "nowhere", "--mandatory", "x"}).exit_code, 1);

  for (const Words& wrong :
       {Words{}, Words{"queue"}, Words{"frobnicate"}, Words{"publish", "x"},
        Words{"queue", "declare", "q", "--ttl", "soon"}, Words{"exchange", "declare", "e"},
        Words{"get", "q", "--count", "0"}}) {
    EXPECT_EQ(Ctl(wrong).exit_code, 2) << ::testing::PrintToString(wrong);
  }
  EXPECT_EQ(Ctl({"--help"}).exit_code, 0);
  broker_.Kill();
  EXPECT_EQ(Ctl({"queue", "declare", "q"}).exit_code, 3);
}

TEST_F(ToolsTest, TheLoadGeneratorCountsWhatWentThrough) {
  for (const Words& kind : {Words{}, Words{"--persistent", "--ack-batch", "50"},
                            Words{"--auto-ack"}, Words{"--rate", "5000"}}) {
    Words words = {"--count", "2000", "--queues", "2", "--producers", "2",
                   "--consumers", "2", "--json", "--quiet"};
    words.insert(words.end(), kind.begin(), kind.end());
    const auto run = Run(WARREN_BENCH_BINARY, words, "");
    ASSERT_EQ(run.exit_code, 0) << run.errors << run.output;
    const Json result = Json::parse(run.output);
    EXPECT_EQ(result["total"]["confirmed"], 2000);
    EXPECT_EQ(result["total"]["consumed"], 2000);
    EXPECT_EQ(result["confirm_latency"]["count"], 2000);
    EXPECT_EQ(result["end_to_end_latency"]["count"], 2000);
    EXPECT_GT(result["consumed_per_s"], 0);
  }
}

TEST_F(ToolsTest, TheLoadGeneratorAccountsForEachCopyInEveryTopology) {
  struct Case {
    Words flags;
    int copies;
  };
  const Case cases[] = {
      {{"--queues", "3", "--consumers", "3", "--size", "10,100:3,5000",
        "--connections", "3"}, 1},
      {{"--topology", "topic", "--queues", "3", "--consumers", "6", "--bindings", "20",
        "--matching", "5"}, 1},
      {{"--topology", "fanout", "--queues", "4", "--consumers", "4", "--persistent"}, 4},
      {{"--transaction", "70", "--persistent"}, 1},
      {{"--topology", "fanout", "--queues", "2", "--consumers", "2", "--transaction", "300"}, 2}};
  for (const Case& c : cases) {
    SCOPED_TRACE(::testing::PrintToString(c.flags));
    Words words = {"--count", "1000", "--producers", "2", "--json", "--quiet"};
    words.insert(words.end(), c.flags.begin(), c.flags.end());
    const auto run = Run(WARREN_BENCH_BINARY, words, "");
    ASSERT_EQ(run.exit_code, 0) << run.errors << run.output;
    const Json result = Json::parse(run.output);
    EXPECT_EQ(result["total"]["confirmed"], 1000);
    EXPECT_EQ(result["total"]["expected"], 1000 * c.copies);
    EXPECT_EQ(result["total"]["consumed"], 1000 * c.copies);
    EXPECT_EQ(result["complete"], true);
    // It leaves nothing behind.
    EXPECT_EQ(Ctl({"queue", "declare", "warren-bench-0", "--passive"}).exit_code, 1);
    EXPECT_EQ(Ctl({"binding", "add", "warren-bench-fanout", "x"}).exit_code, 1);
  }
}

TEST_F(ToolsTest, TheLoadGeneratorFailsIfAMessageIsMissing) {
  // Another one takes what it waits for.
  Ctl({"queue", "declare", "warren-bench-0"});
  EXPECT_EQ(Run(WARREN_BENCH_BINARY, {"--consumers", "0", "--count", "9", "--keep"}, "").exit_code, 0);
  EXPECT_EQ(Ctl({"get", "warren-bench-0", "--ack"}).exit_code, 0);
  const auto run =
      Run(WARREN_BENCH_BINARY,
          {"--producers", "0", "--count", "9", "--patience", "0.5", "--json", "--quiet"}, "");
  EXPECT_EQ(run.exit_code, 1);
  const Json result = Json::parse(run.output);
  EXPECT_EQ(result["total"]["lost"], 1);
  EXPECT_EQ(result["complete"], false);
}

TEST_F(ToolsTest, TheLoadGeneratorTellsItsRatesAndATable) {
  const auto run = Run(WARREN_BENCH_BINARY,
                       {"--rate", "2000", "--warmup", "0", "--duration", "1.2"}, "");
  EXPECT_EQ(run.exit_code, 0) << run.errors;
  EXPECT_THAT(run.errors, HasSubstr("1 s  published"));
  EXPECT_THAT(run.output, AllOf(HasSubstr("consumed"), HasSubstr("p99"), HasSubstr("end to end")));
}

TEST_F(ToolsTest, TheBenchmarkFillsAQueueAndDrainsItLater) {
  const Words common = {"--persistent", "--count", "500", "--json", "--quiet"};
  const auto run = [this, &common](const Words& flags) {
    Words words = common;
    words.insert(words.end(), flags.begin(), flags.end());
    const auto done = Run(WARREN_BENCH_BINARY, words, "");
    EXPECT_EQ(done.exit_code, 0) << done.errors << done.output;
    return Json::parse(done.output);
  };
  EXPECT_EQ(run({"--consumers", "0", "--keep"})["total"]["confirmed"], 500);
  const Json drained = run({"--producers", "0", "--ack-batch", "100"});
  EXPECT_EQ(drained["total"]["published"], 0);
  EXPECT_EQ(drained["total"]["consumed"], 500);
  EXPECT_EQ(drained["total"]["out_of_order"], 0);
}

TEST_F(ToolsTest, ConsumersOfTheBenchmarkMayShareStreams) {
  // Two queues have two consumers; each stream takes as many as it may, the last one the rest.
  const Words common = {"--queues", "10", "--consumers", "12", "--consumers-per-stream", "5",
                        "--count", "500", "--json", "--quiet"};
  for (const Words& settling : {Words{}, Words{"--ack-batch", "7"}, Words{"--auto-ack"}}) {
    Words words = common;
    words.insert(words.end(), settling.begin(), settling.end());
    const auto run = Run(WARREN_BENCH_BINARY, words, "");
    ASSERT_EQ(run.exit_code, 0) << run.errors << run.output;
    EXPECT_EQ(Json::parse(run.output)["total"]["consumed"], 500);
  }
}

TEST_F(ToolsTest, TheBenchmarkSettlesNothingThatIsNotConfirmed) {
  const auto run = Run(WARREN_BENCH_BINARY,
                       {"--persistent", "--count", "5000", "--size", "100", "--window", "200",
                        "--ack-batch", "10", "--ack-lag", "200", "--json", "--quiet"}, "");
  ASSERT_EQ(run.exit_code, 0) << run.errors << run.output;
  EXPECT_EQ(Json::parse(run.output)["total"]["consumed"], 5000);
  EXPECT_EQ(Run(WARREN_BENCH_BINARY, {"--count", "1", "--ack-lag", "9"}, "").exit_code, 2);
}

}  // namespace
}  // namespace warren
