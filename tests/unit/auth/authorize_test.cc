// Goal: each command takes the permissions that RabbitMQ's table says, all of them and no others.
// Method: users who may do all but one thing.
#include "server/auth/authorize.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/unit/auth/made.h"

namespace warren::auth {
namespace {

// On which names each permission is needed, as alternatives of a pattern.
struct Needed {
  std::string what;
  core::Command command;
  std::vector<std::string> configure;
  std::vector<std::string> write;
  std::vector<std::string> read;
};

std::vector<Needed> AllCommands() {
  const storage::ExchangeOptions plain_exchange;
  const storage::ExchangeOptions with_alternate{.alternate_exchange = "alt"};
  const storage::QueueOptions plain_queue;
  const storage::QueueOptions with_dead_letters{.dead_letter_exchange = "dlx"};
  const core::BindingSpec to_queue{.source = "src", .destination = "q"};
  const core::BindingSpec to_exchange{
      .source = "src", .destination_kind = core::DestinationKind::kExchange, .destination = "dst"};
  std::vector<core::Publication> publications(1);
  publications[0].message = storage::MakeRef<storage::Message>();
  publications[0].message->exchange = storage::SharedString("e");
  return {
      {"declare exchange", core::DeclareExchange{{}, "/", "e", plain_exchange}, {"e"}, {}, {}},
      {"check exchange", core::DeclareExchange{{}, "/", "e", std::nullopt}, {}, {}, {}},
      {"with alternate", core::DeclareExchange{{}, "/", "e", with_alternate}, {"e"}, {"alt"}, {"e"}},
      {"delete exchange", core::DeleteExchange{{}, "/", "e"}, {"e"}, {}, {}},
      {"declare queue", core::DeclareQueue{{}, "/", "q", plain_queue}, {"q"}, {}, {}},
      {"unnamed queue", core::DeclareQueue{{}, "/", "", plain_queue}, {"amq\\.gen-"}, {}, {}},
      {"check queue", core::DeclareQueue{{}, "/", "q", std::nullopt}, {}, {}, {}},
      {"with dead letters", core::DeclareQueue{{}, "/", "q", with_dead_letters}, {"q"}, {"dlx"}, {"q"}},
      {"delete queue", core::DeleteQueue{{}, "/", "q"}, {"q"}, {}, {}},
      {"purge", core::PurgeQueue{{}, "/", "q"}, {}, {}, {"q"}},
      {"move", core::MoveMessages{{}, "/", "q", "to"}, {}, {"to"}, {"q"}},
      {"cancel", core::CancelScheduledMessages{{}, "/", "q", {}, {}, true}, {}, {}, {"q"}},
      {"bind queue", core::Bind{{}, "/", to_queue}, {}, {"q"}, {"src"}},
      {"bind exchange", core::Bind{{}, "/", to_exchange}, {}, {"dst"}, {"src"}},
      {"unbind", core::Unbind{{}, "/", to_queue}, {}, {"q"}, {"src"}},
      {"open publisher", core::OpenPublisher{{}, "/"}, {}, {}, {}},
      {"get", core::Get{{}, "/", "q"}, {}, {}, {"q"}},
      {"subscribe", core::Subscribe{.virtual_host = "/", .queue = "q"}, {}, {}, {"q"}},
      {"declare and subscribe",
       core::Subscribe{.virtual_host = "/", .queue = "q", .declare = with_dead_letters, .bindings = {to_queue}},
       {"q"}, {"dlx", "q"}, {"q", "src"}},
      {"ack", core::Ack{{}, "/", "", {}}, {}, {}, {}},
      {"commit", core::Commit{.virtual_host = "/", .publications = publications}, {}, {"e"}, {}},
  };
}

std::string OneOf(const std::vector<std::string>& names, size_t without = SIZE_MAX) {
  std::string pattern = "^(nothing";
  for (size_t i = 0; i < names.size(); ++i) {
    if (i != without) pattern += "|" + names[i];
  }
  return pattern + ")$";
}

TEST(Authorize, WhatTheTableSaysIsEnough) {
  for (const Needed& n : AllCommands()) {
    const AccessPtr access =
        AccessOf(MadeUser("anna", OneOf(n.configure), OneOf(n.write), OneOf(n.read)));
    const absl::Status status = Authorize(*access, n.command);
    EXPECT_TRUE(status.ok()) << n.what << ": " << status;
  }
}

TEST(Authorize, WithoutAnyOfItTheCommandIsRefused) {
  for (const Needed& n : AllCommands()) {
    for (size_t i = 0; i < n.configure.size(); ++i) {
      const AccessPtr access = AccessOf(MadeUser("anna", OneOf(n.configure, i), ".*", ".*"));
      EXPECT_EQ(PermissionOf(Authorize(*access, n.command)), Permission::kConfigure) << n.what;
    }
    for (size_t i = 0; i < n.write.size(); ++i) {
      const AccessPtr access = AccessOf(MadeUser("anna", ".*", OneOf(n.write, i), ".*"));
      EXPECT_EQ(PermissionOf(Authorize(*access, n.command)), Permission::kWrite) << n.what;
    }
    for (size_t i = 0; i < n.read.size(); ++i) {
      const AccessPtr access = AccessOf(MadeUser("anna", ".*", ".*", OneOf(n.read, i)));
      EXPECT_EQ(PermissionOf(Authorize(*access, n.command)), Permission::kRead) << n.what;
    }
  }
}

TEST(Authorize, EveryCommandTakesTheVirtualHost) {
  User stranger{.name = "anna"};
  const AccessPtr access = AccessOf(std::move(stranger));
  for (const Needed& n : AllCommands()) {
    const absl::Status status = Authorize(*access, n.command);
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << n.what;
    EXPECT_EQ(PermissionOf(status), Permission::kVirtualHost) << n.what;
    EXPECT_TRUE(Authorize(Access(), n.command).ok()) << n.what;
  }
}

std::vector<core::Publication> To(const std::vector<std::string>& exchanges) {
  std::vector<core::Publication> publications(exchanges.size());
  for (size_t i = 0; i < exchanges.size(); ++i) {
    publications[i].message = storage::MakeRef<storage::Message>();
    publications[i].message->exchange = storage::SharedString(exchanges[i]);
  }
  return publications;
}

TEST(PublishAccess, RefusesEntryByEntryAndTellsOnceAnExchange) {
  PublishAccess access(AccessOf(MadeUser("anna", "", "^good$", "")), "/");
  std::vector<core::Publication> publications = To({"good", "bad", "good", "bad", "bad", "worse"});
  int refused = 0;
  int fresh = 0;
  const auto count = [&](const absl::Status&, bool is_new) {
    ++refused;
    fresh += is_new ? 1 : 0;
  };
  access.Check(publications, count);
  EXPECT_EQ(refused, 4);
  EXPECT_EQ(fresh, 2);
  EXPECT_TRUE(publications[0].refused.ok() && publications[2].refused.ok());
  EXPECT_EQ(PermissionOf(publications[1].refused), Permission::kWrite);
  EXPECT_EQ(ErrorInfoOf(publications[5].refused).metadata.at("name"), "worse");
}

TEST(PublishAccess, EntriesThatWereRefusedBeforeKeepTheirReason) {
  PublishAccess access(AccessOf(MadeUser("anna", "", "", "")), "/");
  std::vector<core::Publication> publications(1);
  publications[0].refused = absl::InvalidArgumentError("odd");
  access.Check(publications, [](const absl::Status&, bool) { FAIL(); });
  EXPECT_EQ(publications[0].refused.message(), "odd");
}

std::unique_ptr<const storage::Properties> Saying(const char* user_id) {
  auto properties = std::make_unique<storage::Properties>();
  properties->user_id = user_id;
  return properties;
}

TEST(PublishAccess, AMessageIsPublishedInNobodyElsesName) {
  for (const char* write : {".*", "^good$"}) {
    PublishAccess access(AccessOf(MadeUser("anna", "", write, "")), "/");
    std::vector<core::Publication> publications = To({"good", "good", "good"});
    publications[0].message->properties = Saying("anna");
    publications[1].message->properties = Saying("Anna");
    access.Check(publications, [](const absl::Status&, bool) { FAIL() << "it is permitted"; });
    EXPECT_TRUE(publications[0].refused.ok() && publications[2].refused.ok());
    EXPECT_EQ(publications[1].refused.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(ErrorInfoOf(publications[1].refused).reason, "USER_ID_DIFFERS");
    EXPECT_EQ(publications[1].message, nullptr);
  }
}

TEST(PublishAccess, WithoutUsersAMessageSaysWhatItLikes) {
  PublishAccess access(std::make_shared<const Access>(), "/");
  std::vector<core::Publication> publications = To({"good"});
  publications[0].message->properties = Saying("anybody");
  access.Check(publications, [](const absl::Status&, bool) { FAIL(); });
  EXPECT_TRUE(publications[0].refused.ok());
}

TEST(PublishAccess, ManyExchangesDontMakeItGrowWithoutEnd) {
  PublishAccess access(AccessOf(MadeUser("anna", "", "0$", "")), "/");
  int refused = 0;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 2'000; ++i) {
      std::vector<core::Publication> publications = To({std::to_string(i)});
      access.Check(publications, [&](const absl::Status&, bool) { ++refused; });
      EXPECT_EQ(publications[0].refused.ok(), i % 10 == 0);
    }
  }
  EXPECT_EQ(refused, 3 * 1'800);
}

TEST(Authorize, OperatorsCommandsTakeTheTagAdministrator) {
  User plain = MadeUser("anna", ".*", ".*", ".*");
  EXPECT_EQ(PermissionOf(Authorize(*AccessOf(plain), core::DeclareVirtualHost{{}, "new"})),
            Permission::kTag);
  User administrator{.name = "root"};
  administrator.tags = {"administrator"};
  const AccessPtr root = AccessOf(administrator);
  for (const core::Command& command :
       {core::Command(core::DeclareVirtualHost{{}, "new"}),
        core::Command(core::MoveMessages{{}, "/", "q", "to"}),
        core::Command(core::CancelScheduledMessages{{}, "/", "q", {}, {}, true})}) {
    EXPECT_TRUE(Authorize(*root, command).ok());
  }
  // What isn't an operator's takes permissions all the same.
  EXPECT_FALSE(Authorize(*root, core::Get{{}, "/", "q"}).ok());
}

TEST(Authorize, PoliciesTakeATagAndTheVirtualHost) {
  const std::vector<core::Command> commands = {
      core::PutPolicy{{}, {.virtual_host = "/", .name = "p", .pattern = ".*"}},
      core::DeletePolicy{{}, "/", "p"}};
  const auto with = [](std::string tag) {
    User user = MadeUser("anna", "", "", "");  // enters "/", and no more
    user.tags = {std::move(tag)};
    return AccessOf(user);
  };
  User stranger{.name = "bert"};
  stranger.tags = {"policymaker"};
  User root{.name = "root"};
  root.tags = {"administrator"};
  for (const core::Command& command : commands) {
    EXPECT_TRUE(Authorize(*with("policymaker"), command).ok());
    EXPECT_EQ(PermissionOf(Authorize(*with("management"), command)), Permission::kTag);
    EXPECT_EQ(PermissionOf(Authorize(*with("monitoring"), command)), Permission::kTag);
    EXPECT_EQ(PermissionOf(Authorize(*AccessOf(stranger), command)), Permission::kVirtualHost);
    EXPECT_TRUE(Authorize(*AccessOf(root), command).ok());
    EXPECT_TRUE(Authorize(Access(), command).ok());
  }
}

TEST(Access, TagsIncludeEachOtherAsInRabbitMq) {
  const auto with = [](std::vector<std::string> tags) {
    User user = MadeUser("anna", ".*", ".*", ".*");
    user.tags = std::move(tags);
    return AccessOf(user);
  };
  EXPECT_TRUE(with({"administrator"})->Has(Tag::kMonitoring));
  EXPECT_TRUE(with({"administrator"})->Has(Tag::kPolicymaker));
  EXPECT_FALSE(with({"monitoring"})->Has(Tag::kAdministrator));
  EXPECT_FALSE(with({"Administrator", "admin"})->Has(Tag::kAdministrator));
  EXPECT_TRUE(with({"monitoring"})->Sees("other"));
  EXPECT_FALSE(with({"policymaker", "management"})->Sees("other"));
  EXPECT_TRUE(with({})->Sees("/"));
  const absl::Status refused = with({})->MustHave(Tag::kMonitoring);
  EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_NE(refused.message().find("tag monitoring"), std::string_view::npos) << refused;
  EXPECT_TRUE(Access().Has(Tag::kAdministrator)) << "without users everybody may";
}

}  // namespace
}  // namespace warren::auth
