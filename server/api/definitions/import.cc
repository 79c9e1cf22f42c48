#include "server/api/definitions/import.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <set>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/api/convert/limits.h"
#include "server/api/convert/topology.h"
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

// `source -> destination (key)`.
std::string NameOf(const v1::Binding& binding) {
  return absl::StrCat(binding.source(), " -> ",
                      binding.has_queue() ? binding.queue() : binding.exchange(), " (",
                      binding.routing_key(), ")");
}

}  // namespace

Import::Import(Document document, runtime::Loop& loop, ImportOptions options)
    : loop_(loop), options_(std::move(options)), document_(std::move(document)) {
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

void Import::Exchange(const v1::DeclareExchangeRequest& wanted) {
  const Name object{"exchange", wanted.virtual_host(), wanted.name()};
  absl::Status wrong = CheckName("name", wanted.name());
  const auto options = ToExchangeOptions(wanted.options());
  if (wrong.ok()) wrong = options.status();
  if (!wrong.ok()) {
    Tell(object, v1::DEFINITION_CHANGE_FAILED, Text(wrong));
    return;
  }
  if (const auto* current = loop_.broker().ExchangeOptionsOf(wanted.virtual_host(), wanted.name())) {
    const std::string difference = core::FirstDifference(*current, *options);
    if (difference.empty()) return Unchanged();
    Tell(object, v1::DEFINITION_CHANGE_CONFLICT, difference);
    return;
  }
  Carry(object, v1::DEFINITION_CHANGE_CREATED,
        core::DeclareExchange{.request = {},
                              .virtual_host = wanted.virtual_host(),
                              .name = wanted.name(),
                              .options = *options});
}

void Import::Queue(const v1::DeclareQueueRequest& wanted) {
  const Name object{"queue", wanted.virtual_host(), wanted.name()};
  absl::Status wrong = CheckName("name", wanted.name());
  const auto options = ToQueueOptions(wanted.options());
  if (wrong.ok()) wrong = options.status();
  if (!wrong.ok()) {
    Tell(object, v1::DEFINITION_CHANGE_FAILED, Text(wrong));
    return;
  }
  if (const auto* current = loop_.broker().QueueOptionsOf(wanted.virtual_host(), wanted.name())) {
    const std::string difference = core::FirstDifference(*current, *options);
    if (difference.empty()) return Unchanged();
    Tell(object, v1::DEFINITION_CHANGE_CONFLICT, difference);
    return;
  }
  Carry(object, v1::DEFINITION_CHANGE_CREATED,
        core::DeclareQueue{.request = {},
                           .virtual_host = wanted.virtual_host(),
                           .name = wanted.name(),
                           .options = *options});
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
