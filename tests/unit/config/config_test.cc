// Which place counts, and what the mistakes say.
#include "server/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "server/config/options.h"

namespace warren::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using runtime::LogCategory;
using runtime::LogLevel;

class ConfigTest : public ::testing::Test {
 protected:
  ~ConfigTest() override {
    for (const std::string& name : variables_) unsetenv(name.c_str());
  }

  void SetVariable(const std::string& name, const std::string& value) {
    variables_.push_back(name);
    setenv(name.c_str(), value.c_str(), 1);
  }

  std::string File(const std::string& text) {
    const std::string path = ::testing::TempDir() + "/warren-" +
        ::testing::UnitTest::GetInstance()->current_test_info()->name() + ".yaml";
    std::ofstream(path) << text;
    return path;
  }

  static absl::StatusOr<Config> Load(std::vector<std::string> words) {
    std::vector<const char*> argv = {"warren"};
    for (const std::string& word : words) argv.push_back(word.c_str());
    return ReloadConfig(static_cast<int>(argv.size()), argv.data());
  }

  static std::string MistakeIn(std::vector<std::string> words) {
    const auto config = Load(std::move(words));
    return config.ok() ? "" : std::string(config.status().message());
  }

 private:
  std::vector<std::string> variables_;
};

TEST_F(ConfigTest, AFlagCountsOverAVariableOverTheFileOverTheDefault) {
  const std::string file = File("server: {listen: '127.0.0.1:1', http: '127.0.0.1:1', "
                                "drain_timeout: 1s}\nstorage: {lease: 11s}\n");
  SetVariable("WARREN_SERVER_LISTEN", "127.0.0.1:2");
  SetVariable("WARREN_SERVER_HTTP", "127.0.0.1:2");
  const auto config = Load({"--config", file, "--listen=127.0.0.1:3"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->listen, "127.0.0.1:3");
  EXPECT_EQ(config->http, "127.0.0.1:2");
  EXPECT_EQ(config->drain_timeout_ms, 1'000);
  EXPECT_EQ(config->lease_ms, 11'000);
  EXPECT_EQ(config->storage, "rocksdb:./data");
  EXPECT_EQ(config->spill_directory, "./data");
}

TEST_F(ConfigTest, EachSettingSaysWhereItComesFrom) {
  const std::string file = File("server: {drain_timeout: 1s}\n");
  SetVariable("WARREN_SERVER_VIRTUAL_HOST", "a,b");
  const auto config = Load({"--config", file, "--listen=127.0.0.1:3"});
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->settings.size(), Options().size());
  std::map<std::string, std::string> shown;
  for (const Setting& setting : config->settings) {
    shown[setting.key] = setting.value + " by " + setting.origin;
  }
  EXPECT_EQ(shown["server.listen"], "127.0.0.1:3 by flag");
  EXPECT_EQ(shown["server.virtual_host"], "a,b by environment");
  EXPECT_EQ(shown["server.drain_timeout"], "1s by file");
  EXPECT_EQ(shown["limits.max_headers"], "256 by default");
  EXPECT_EQ(shown["memory.spill_dir"], "./data by default");
  EXPECT_EQ(shown["memory.limit"], std::to_string(config->memory_limit) + " by default");
}

TEST_F(ConfigTest, TheAddressForOthersHasAShortVariableToo) {
  SetVariable("WARREN_ADVERTISE", "10.0.0.7:7171");
  const auto config = Load({});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(AdvertisedAddress(*config, "0.0.0.0:7171", "pod-0"), "10.0.0.7:7171");
  SetVariable("WARREN_SERVER_ADVERTISE", "pod-0.brokers:7171");
  EXPECT_EQ(Load({})->advertise, "pod-0.brokers:7171");
  EXPECT_EQ(Load({"--advertise=[::1]:1"})->advertise, "[::1]:1");
}

TEST_F(ConfigTest, TheAddressForOthersIsTheOneThatIsListenedAtOrTheMachinesName) {
  EXPECT_EQ(AdvertisedAddress({}, "10.0.0.7:4711", "pod-0"), "10.0.0.7:4711");
  EXPECT_EQ(AdvertisedAddress({}, "0.0.0.0:4711", "pod-0"), "pod-0:4711");
  EXPECT_EQ(AdvertisedAddress({}, "[::]:4711", "pod-0"), "pod-0:4711");
}

TEST_F(ConfigTest, AnAddressThatNobodyCanConnectToIsNoneForOthers) {
  for (const char* wrong : {"", "broker", "0.0.0.0:7171", "[::]:7171", "broker:0", "a'b:1",
                            "a b:1", ":7171"}) {
    EXPECT_NE(MistakeIn({"--advertise", wrong}), "") << wrong;
  }
}

TEST_F(ConfigTest, ListsAreRepeatedFlagsCommasInVariablesOrListsInTheFile) {
  EXPECT_THAT(Load({"--virtual-host=a", "--virtual-host", "b,c"})->virtual_hosts,
              ElementsAre("a", "b,c"));
  EXPECT_THAT(Load({"--config", File("server:\n  virtual_host: [d, e]\n")})->virtual_hosts,
              ElementsAre("d", "e"));
  SetVariable("WARREN_SERVER_VIRTUAL_HOST", "f,g");
  EXPECT_THAT(Load({})->virtual_hosts, ElementsAre("f", "g"));
}

TEST_F(ConfigTest, UnknownNamesAreErrorsThatNameTheNearest) {
  EXPECT_EQ(MistakeIn({"--lissten=127.0.0.1:1"}),
            "unknown argument \"--lissten=127.0.0.1:1\"; is --listen meant?");
  const std::string file = File("server:\n  lisen: 127.0.0.1:1\n");
  EXPECT_EQ(MistakeIn({"--config", file}),
            file + ":2: unknown option server.lisen; is server.listen meant?");
  SetVariable("WARREN_MEMORY_LIMITS", "1G");
  EXPECT_EQ(MistakeIn({}),
            "unknown environment variable WARREN_MEMORY_LIMITS; is WARREN_MEMORY_LIMIT meant?");
}

TEST_F(ConfigTest, VariablesThatKubernetesMakesForServicesMeanNothing) {
  SetVariable("WARREN_SERVER_SERVICE_HOST", "10.0.0.1");
  SetVariable("WARREN_TLS_PORT_7171_TCP_ADDR", "10.0.0.1");
  EXPECT_EQ(MistakeIn({}), "");
}

TEST_F(ConfigTest, AWrongValueIsReportedWithItsPlace) {
  EXPECT_EQ(MistakeIn({"--lease=1"}),
            "--lease: \"1\" is not a time with its unit, such as 500ms, 10s or 5m");
  const std::string file = File("limits:\n  max_message_bytes: [1, 2]\n");
  EXPECT_EQ(MistakeIn({"--config", file}),
            file + ":2: limits.max_message_bytes takes one value, not a list");
  SetVariable("WARREN_LOG_LEVEL", "loud");
  EXPECT_THAT(MistakeIn({}), HasSubstr("WARREN_LOG_LEVEL: \"loud\" is none of"));
}

TEST_F(ConfigTest, AddressesThatOthersReachTakeUsersAndTls) {
  const std::vector<std::string> users = {"--listen=0.0.0.0:1", "--users=u"};
  EXPECT_THAT(MistakeIn({"--listen=0.0.0.0:1", "--storage=memory:"}), HasSubstr("there are no users"));
  EXPECT_THAT(MistakeIn(users), HasSubstr("without TLS"));
  EXPECT_EQ(MistakeIn({"--listen=0.0.0.0:1", "--insecure"}), "");
  EXPECT_EQ(MistakeIn({"--listen=0.0.0.0:1", "--users=u", "--tls-certificate=c", "--tls-key=k"}), "");
}

TEST_F(ConfigTest, OptionsThatNeedOthersSaySo) {
  EXPECT_THAT(MistakeIn({"--tls-key=k"}), HasSubstr("go together"));
  EXPECT_THAT(MistakeIn({"--token-keys=k"}), HasSubstr("needs auth.users"));
  EXPECT_THAT(MistakeIn({"--tls-client-certificates=required"}), HasSubstr("tls.client_ca is missing"));
}

TEST_F(ConfigTest, CategoriesHaveLevelsOfTheirOwn) {
  const auto config = Load({"--log-levels=auth=debug", "--log-level=error"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->log.levels.Of(LogCategory::kAuth), LogLevel::kDebug);
  EXPECT_EQ(config->log.levels.Of(LogCategory::kBroker), LogLevel::kError);
  EXPECT_THAT(MistakeIn({"--log-levels=nothing=debug"}), HasSubstr("broker, storage, api, auth"));
}

TEST_F(ConfigTest, TheShownDefaultsAreTheDefaults) {
  for (const Option& option : Options()) {
    Config config;
    if (option.standard.empty() || option.standard.find(' ') != std::string_view::npos) continue;
    EXPECT_EQ(option.set(config, option.standard), std::nullopt) << option.Name();
    const Config standard;
    EXPECT_EQ(config.listen, standard.listen);
    EXPECT_EQ(config.http, standard.http);
    EXPECT_EQ(config.storage, standard.storage);
    EXPECT_EQ(config.lease_ms, standard.lease_ms);
    EXPECT_EQ(config.drain_timeout_ms, standard.drain_timeout_ms);
    EXPECT_EQ(config.limits.max_message_bytes, standard.limits.max_message_bytes);
    EXPECT_EQ(config.limits.max_headers, standard.limits.max_headers);
    EXPECT_EQ(config.limits.max_queues, standard.limits.max_queues);
    EXPECT_EQ(config.limits.max_calls, standard.limits.max_calls);
    EXPECT_EQ(config.tls.client_certificates, standard.tls.client_certificates);
    EXPECT_EQ(config.auth.token_audience, standard.auth.token_audience);
    EXPECT_EQ(config.auth.token_user, standard.auth.token_user);
    EXPECT_EQ(config.auth.insecure, standard.auth.insecure);
    EXPECT_EQ(config.log.form, standard.log.form);
  }
}

TEST_F(ConfigTest, HelpShowsEachOptionOnceWithDefaultAndCrashMeaning) {
  const std::string help = HelpText();
  std::set<std::string> flags;
  for (const Option& option : Options()) {
    EXPECT_TRUE(flags.insert(std::string(option.flag)).second) << option.flag;
    EXPECT_FALSE(option.crash.empty()) << option.flag;
    EXPECT_THAT(help, HasSubstr("(" + option.Variable() + ", " + option.Name() + ")"));
  }
  EXPECT_THAT(help, HasSubstr("Default 127.0.0.1:7171"));
}

TEST_F(ConfigTest, TheDocumentShowsTheTableAsItIs) {
  std::ifstream file(WARREN_SOURCE_DIR "/docs/configuration.md");
  const std::string document((std::istreambuf_iterator<char>(file)), {});
  EXPECT_THAT(document, HasSubstr(HelpMarkdown()))
      << "put what `warren --help-markdown` prints below the heading Options";
}

}  // namespace
}  // namespace warren::config
