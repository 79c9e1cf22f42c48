#include "server/api/admin/import.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <set>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/api/admin/user_commands.h"
#include "server/api/convert/limits.h"
#include "server/api/convert/policy.h"
#include "server/api/convert/topology.h"
#include "server/api/convert/virtual_host_limits.h"
#include "server/core/option_difference.h"

namespace warren::api {
namespace {

// Each costs some microseconds.
constexpr int kObjectsPerPart = 200;

std::string_view Text(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

// The same for what is the same.
std::string Bytes(const google::protobuf::Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);  // maps in order
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

// Of two parts, neither of which can run into the other.
std::string Bytes(const std::string& host, const std::string& rest) {
  return absl::StrCat(host.size(), ":", host, rest);
}

// Whether that is what is asked for; a login that is left out is as it is.
bool IsAs(const storage::User& user, const v1::PutUserRequest& wanted) {
  const auto same = [](const std::vector<std::string>& a, const auto& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  };
  return same(user.tags, wanted.tags()) && same(user.certificates, wanted.certificates()) &&
         (wanted.login_case() == v1::PutUserRequest::LOGIN_NOT_SET ||
          user.password_hash == wanted.password_hash());
}

// `source -> destination (key)`.
std::string NameOf(const v1::Binding& binding) {
  return absl::StrCat(binding.source(), " -> ",
                      binding.has_queue() ? binding.queue() : binding.exchange(), " (",
                      binding.routing_key(), ")");
}

}  // namespace

Import::Import(Document document, Api& api, ImportOptions options)
    : api_(api),
      loop_(api.loop),
      options_(std::move(options)),
      document_(std::move(document)) {
  // The first user closes the door, so it has to be one who can open it.
  auto& users = *document_.definitions.mutable_users();
  std::stable_partition(users.begin(), users.end(), [](const v1::PutUserRequest& user) {
    return std::find(user.tags().begin(), user.tags().end(), "administrator") != user.tags().end();
  });
  for (const v1::DefinitionResult& result : document_.not_applicable) {
    *response_.add_results() = result;
  }
}

Import::~Import() {
  for (const Answer& answer : answers_) {
    if (answer.request) loop_.registry().Remove(answer.request);
  }
}

bool Import::GoOn() {
  for (int left = kObjectsPerPart; left > 0; --left) {
    if (!One()) return !options_.tell_extra || Extra();
  }
  return false;
}

bool Import::One() {
  const v1::Definitions& all = document_.definitions;
  // The next of this list, if it has one more.
  const auto next = [this](const auto& list, int number, auto look) {
    if (list_ != number) return false;
    if (index_ == list.size()) {
      ++list_;
      index_ = 0;
      return false;
    }
    look(list[index_++]);
    return true;
  };
  return next(all.virtual_hosts(), 0, [this](const auto& name) { VirtualHost(name); }) ||
         // What is declared later goes by them, and needn't be gone through again.
         next(all.policies(), 1, [this](const auto& wanted) { Policy(wanted); }) ||
         next(all.exchanges(), 2, [this](const auto& wanted) { Exchange(wanted); }) ||
         next(all.queues(), 3, [this](const auto& wanted) { Queue(wanted); }) ||
         next(all.bindings(), 4, [this](const auto& wanted) { Binding(wanted); }) ||
         next(all.users(), 5, [this](const auto& wanted) { User(wanted); }) ||
         next(all.permissions(), 6, [this](const auto& wanted) { Permissions(wanted); }) ||
         // Last, since they refuse what is new and leave what is there.
         next(all.virtual_host_limits(), 7, [this](const auto& wanted) { Limits(wanted); });
}

bool Import::Extra() {
  if (!export_.GoOn(loop_.broker())) return false;
  const v1::Definitions here = export_.TakeDefinitions();
  const v1::Definitions& wanted = document_.definitions;
  // `key` tells one from another, `name` is for people.
  const auto tell = [this](const char* kind, const auto& all, const auto& asked, auto key,
                           auto name) {
    std::set<std::string> known;
    for (const auto& one : asked) known.insert(key(one));
    for (const auto& one : all) {
      if (!known.contains(key(one))) Tell(name(one, kind), v1::DEFINITION_CHANGE_EXTRA);
    }
  };
  const auto key = [](const auto& one) { return Bytes(one.virtual_host(), one.name()); };
  const auto name = [](const auto& one, const char* kind) {
    return Name{kind, one.virtual_host(), one.name()};
  };
  v1::Definitions hosts;
  *hosts.mutable_virtual_hosts() = wanted.virtual_hosts();
  hosts.mutable_virtual_hosts()->Add(std::string(1, '/'));  // always there, named or not
  tell(
      "virtual_host", here.virtual_hosts(), hosts.virtual_hosts(),
      [](const std::string& host) { return host; },
      [](const std::string& host, const char* kind) { return Name{kind, host, host}; });
  tell("exchange", here.exchanges(), wanted.exchanges(), key, name);
  tell("queue", here.queues(), wanted.queues(), key, name);
  tell(
      "binding", here.bindings(), wanted.bindings(),
      [](const v1::BindRequest& one) { return Bytes(one.virtual_host(), Bytes(one.binding())); },
      [](const v1::BindRequest& one, const char* kind) {
        return Name{kind, one.virtual_host(), NameOf(one.binding())};
      });
  tell("policy", here.policies(), wanted.policies(), key, name);
  tell(
      "user", here.users(), wanted.users(),
      [](const v1::PutUserRequest& one) { return one.name(); },
      [](const v1::PutUserRequest& one, const char* kind) { return Name{kind, "", one.name()}; });
  tell(
      "permissions", here.permissions(), wanted.permissions(),
      [](const v1::SetPermissionsRequest& one) { return Bytes(one.virtual_host(), one.user()); },
      [](const v1::SetPermissionsRequest& one, const char* kind) {
        return Name{kind, one.virtual_host(), one.user()};
      });
  const auto host = [](const auto& one) { return one.virtual_host(); };
  tell("virtual_host_limits", here.virtual_host_limits(), wanted.virtual_host_limits(), host,
       [&host](const auto& one, const char* kind) { return Name{kind, host(one), host(one)}; });
  return true;
}

void Import::VirtualHost(const std::string& name) {
  const Name object{"virtual_host", name, name};
  if (const absl::Status s = CheckRequiredName("name", name); !s.ok()) {
    Tell(object, v1::DEFINITION_CHANGE_FAILED, Text(s));
  } else if (loop_.broker().HasVirtualHost(name)) {
    Unchanged();
  } else {
    Carry(object, v1::DEFINITION_CHANGE_CREATED,
          core::DeclareVirtualHost{.request = {}, .name = name});
  }
}

void Import::Limits(const v1::SetVirtualHostLimitsRequest& wanted) {
  const Name object{"virtual_host_limits", wanted.virtual_host(), wanted.virtual_host()};
  const storage::VirtualHostLimits limits = ToLimits(wanted.limits());
  const storage::VirtualHostLimits* current = loop_.broker().LimitsOf(wanted.virtual_host());
  if (current != nullptr && *current == limits) return Unchanged();
  const bool had_none = current == nullptr || *current == storage::VirtualHostLimits();
  Carry(object, had_none ? v1::DEFINITION_CHANGE_CREATED : v1::DEFINITION_CHANGE_UPDATED,
        core::SetVirtualHostLimits{
            .request = {}, .name = wanted.virtual_host(), .limits = limits});
}

template <typename Command, typename Request, typename Options>
void Import::Declared(const char* kind, const Request& wanted,
                      const absl::StatusOr<Options>& options, const Options* current) {
  const Name object{kind, wanted.virtual_host(), wanted.name()};
  absl::Status wrong = CheckName("name", wanted.name());
  if (wrong.ok()) wrong = options.status();
  if (!wrong.ok()) {
    Tell(object, v1::DEFINITION_CHANGE_FAILED, Text(wrong));
    return;
  }
  if (current != nullptr) {
    const std::string difference = core::FirstDifference(*current, *options);
    if (difference.empty()) return Unchanged();
    Tell(object, v1::DEFINITION_CHANGE_CONFLICT, difference);
    return;
  }
  Carry(object, v1::DEFINITION_CHANGE_CREATED,
        Command{.request = {},
                .virtual_host = wanted.virtual_host(),
                .name = wanted.name(),
                .options = *options});
}

void Import::Exchange(const v1::DeclareExchangeRequest& wanted) {
  Declared<core::DeclareExchange>(
      "exchange", wanted, ToExchangeOptions(wanted.options()),
      loop_.broker().ExchangeOptionsOf(wanted.virtual_host(), wanted.name()));
}

void Import::Queue(const v1::DeclareQueueRequest& wanted) {
  Declared<core::DeclareQueue>(
      "queue", wanted, ToQueueOptions(wanted.options()),
      loop_.broker().QueueOptionsOf(wanted.virtual_host(), wanted.name()));
}

void Import::Binding(const v1::BindRequest& wanted) {
  v1::Binding proto = wanted.binding();
  const Name object{"binding", wanted.virtual_host(), NameOf(proto)};
  auto binding = TakeBinding(proto);
  if (!binding.ok()) {
    Tell(object, v1::DEFINITION_CHANGE_FAILED, Text(binding.status()));
  } else if (loop_.broker().HasBinding(wanted.virtual_host(), *binding)) {
    Unchanged();
  } else {
    Carry(object, v1::DEFINITION_CHANGE_CREATED,
          core::Bind{.request = {},
                     .virtual_host = wanted.virtual_host(),
                     .binding = *std::move(binding)});
  }
}

void Import::Policy(const v1::Policy& wanted) {
  const Name object{"policy", wanted.virtual_host(), wanted.name()};
  auto policy = ToPolicy(wanted);
  if (!policy.ok()) {
    Tell(object, v1::DEFINITION_CHANGE_FAILED, Text(policy.status()));
    return;
  }
  const storage::Policy* const current =
      loop_.broker().PolicyOf(policy->virtual_host, policy->name);
  if (current != nullptr && *current == *policy) return Unchanged();
  Carry(object,
        current == nullptr ? v1::DEFINITION_CHANGE_CREATED : v1::DEFINITION_CHANGE_UPDATED,
        core::PutPolicy{.request = {}, .policy = *std::move(policy)});
}

void Import::User(const v1::PutUserRequest& wanted) {
  const Name object{"user", "", wanted.name()};
  const auto file = api_.authenticator.configured();
  if (file != nullptr && file->Find(wanted.name()) != nullptr) {
    Tell(object, v1::DEFINITION_CHANGE_CONFLICT, "is in the users file, which alone changes it");
    return;
  }
  const auto& users = loop_.broker().users();
  const auto current = users.find(wanted.name());
  if (current != users.end() && IsAs(current->second, wanted)) return Unchanged();
  v1::PutUserRequest request = wanted;
  auto command = PutUserCommand(api_, request, {});
  if (!command.ok()) {
    Tell(object, v1::DEFINITION_CHANGE_FAILED, Text(command.status()));
    return;
  }
  Carry(object,
        current == users.end() ? v1::DEFINITION_CHANGE_CREATED : v1::DEFINITION_CHANGE_UPDATED,
        *std::move(command));
}

void Import::Permissions(const v1::SetPermissionsRequest& wanted) {
  const Name object{"permissions", wanted.virtual_host(), wanted.user()};
  const auto& users = loop_.broker().users();
  const auto user = users.find(wanted.user());
  const storage::UserPermissions* current = nullptr;
  if (user != users.end()) {
    for (const storage::UserPermissions& one : user->second.permissions) {
      if (one.virtual_host == wanted.virtual_host()) current = &one;
    }
  }
  const v1::Permissions& may = wanted.permissions();
  if (current != nullptr && current->configure == may.configure() &&
      current->write == may.write() && current->read == may.read()) {
    return Unchanged();
  }
  v1::SetPermissionsRequest request = wanted;
  auto command = SetPermissionsCommand(api_, request, {});
  if (!command.ok()) {
    Tell(object, v1::DEFINITION_CHANGE_FAILED, Text(command.status()));
    return;
  }
  Carry(object,
        current == nullptr ? v1::DEFINITION_CHANGE_CREATED : v1::DEFINITION_CHANGE_UPDATED,
        *std::move(command));
}

std::vector<std::pair<runtime::LogLevel, std::string>> Import::Troubles() const {
  std::vector<std::pair<runtime::LogLevel, std::string>> troubles;
  for (const v1::DefinitionResult& result : response_.results()) {
    const char* what = nullptr;
    auto level = runtime::LogLevel::kWarning;
    switch (result.change()) {
      case v1::DEFINITION_CHANGE_CONFLICT:
        what = "is there with other options";
        break;
      case v1::DEFINITION_CHANGE_FAILED:
        what = "is refused";
        level = runtime::LogLevel::kError;
        break;
      case v1::DEFINITION_CHANGE_NOT_APPLICABLE:
        what = "has no counterpart";
        level = runtime::LogLevel::kInfo;
        break;
      default:
        continue;
    }
    troubles.emplace_back(level, absl::StrCat(result.kind(), " \"", result.name(), "\" in \"",
                                              result.virtual_host(), "\" ", what, ": ",
                                              result.detail()));
  }
  return troubles;
}

v1::DefinitionResult& Import::Tell(const Name& object, v1::DefinitionChange change,
                                   std::string_view detail) {
  v1::DefinitionResult& result = *response_.add_results();
  result.set_kind(object.kind);
  result.set_virtual_host(object.virtual_host);
  result.set_name(object.name);
  result.set_change(change);
  result.set_detail(detail.data(), detail.size());
  return result;
}

void Import::Carry(const Name& object, v1::DefinitionChange change, core::Command command) {
  Tell(object, change);
  if (options_.dry_run) return;
  Answer& answer = answers_.emplace_back(*this, response_.results_size() - 1);
  answer.request = loop_.registry().Add(answer);
  ++outstanding_;
  std::visit(
      [&answer](auto& c) {
        if constexpr (requires { c.request; }) c.request = answer.request;
      },
      command);
  loop_.Submit(std::move(command));
}

void Import::Answered(Answer& answer, const absl::Status& status) {
  loop_.registry().Remove(answer.request);
  answer.request = {};
  --outstanding_;
  if (!status.ok()) {
    v1::DefinitionResult& result = *response_.mutable_results(answer.result_);
    result.set_change(v1::DEFINITION_CHANGE_FAILED);
    const std::string_view why = Text(status);
    result.set_detail(why.data(), why.size());
  }
  if (options_.on_answer) options_.on_answer();
}

}  // namespace warren::api
