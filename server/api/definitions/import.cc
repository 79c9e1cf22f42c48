#include "server/api/definitions/import.h"

#include <type_traits>
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

}  // namespace

std::string BindingName(const core::BindingSpec& binding) {
  return absl::StrCat(binding.source, " -> ", binding.destination, " (", binding.key, ")");
}

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
    if (!One()) return true;
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
         next(all.exchanges(), 1, [this](const auto& wanted) { Exchange(wanted); }) ||
         next(all.queues(), 2, [this](const auto& wanted) { Queue(wanted); }) ||
         next(all.bindings(), 3, [this](const auto& wanted) { Binding(wanted); });
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
  const std::string as_written = absl::StrCat(proto.source(), " -> ",
                                              proto.has_queue() ? proto.queue() : proto.exchange(),
                                              " (", proto.routing_key(), ")");
  const Name object{"binding", wanted.virtual_host(), as_written};
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
