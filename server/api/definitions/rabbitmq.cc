#include "server/api/definitions/rabbitmq.h"

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/api/definitions/json_reader.h"
#include "server/auth/password.h"

namespace warren::api {
namespace {

using Json = nlohmann::json;

// The user that each RabbitMQ has at first, and its password.
const std::string kGuest = "guest";
// As server/auth/password.h wants it.
const std::string kSha256 = "rabbitmq-sha256:";

// Arguments and policy keys that change nothing here, and why. One table for all: the names mean the
// same everywhere, but for the prefix "x-" of arguments.
const std::map<std::string_view, std::string_view>& WithoutEffect() {
  static const std::map<std::string_view, std::string_view> kWhy = {
      {"single-active-consumer",
       "consume with `exclusive`, or publish so that one consumer is enough"},
      {"queue-mode", "messages leave memory by themselves when it gets short"},
      {"queue-version", "there is one kind of queue"},
      {"max-in-memory-length", "messages leave memory by themselves when it gets short"},
      {"max-in-memory-bytes", "messages leave memory by themselves when it gets short"},
      {"quorum-initial-group-size", "PostgreSQL replicates, or the volume does"},
      {"target-group-size", "PostgreSQL replicates, or the volume does"},
      {"queue-leader-locator", "PostgreSQL replicates, or the volume does"},
      {"queue-master-locator", "PostgreSQL replicates, or the volume does"},
      {"initial-cluster-size", "PostgreSQL replicates, or the volume does"},
      {"ha-mode", "PostgreSQL replicates, or the volume does"},
      {"ha-params", "PostgreSQL replicates, or the volume does"},
      {"ha-sync-mode", "PostgreSQL replicates, or the volume does"},
      {"ha-sync-batch-size", "PostgreSQL replicates, or the volume does"},
      {"ha-promote-on-shutdown", "PostgreSQL replicates, or the volume does"},
      {"ha-promote-on-failure", "PostgreSQL replicates, or the volume does"},
      {"dead-letter-strategy", "dead-lettering is one atomic step: at least once, always"},
      {"consumer-timeout", "a consumer that vanished gives back what it holds at once"},
      {"max-age", "there are no streams: use message_ttl"},
      {"stream-max-segment-size-bytes", "there are no streams"},
      {"federation-upstream", "brokers aren't federated"},
      {"federation-upstream-set", "brokers aren't federated"},
  };
  return kWhy;
}

// Reads the document.
class Reader : private JsonReader {
 public:
  explicit Reader(std::string virtual_host) : virtual_host_(std::move(virtual_host)) {}

  absl::StatusOr<Document> Read(const Json& json) {
    ForEach(json, "vhosts", &Reader::TakeVirtualHost);
    ForEach(json, "users", &Reader::TakeUser);
    ForEach(json, "permissions", &Reader::TakePermissions);
    ForEach(json, "topic_permissions", &Reader::TakeTopicPermissions);
    ForEach(json, "parameters", &Reader::TakeParameter);
    ForEach(json, "global_parameters", &Reader::TakeGlobalParameter);
    ForEach(json, "policies", &Reader::TakePolicy);
    ForEach(json, "exchanges", &Reader::TakeExchange);
    ForEach(json, "queues", &Reader::TakeQueue);
    ForEach(json, "bindings", &Reader::TakeBinding);
    static const std::set<std::string_view> kKnown = {
        "vhosts",     "users",     "permissions",      "topic_permissions", "parameters",
        "global_parameters", "policies", "exchanges",  "queues",            "bindings"};
    bool any = false;
    for (const auto& [key, value] : json.items()) {
      if (kKnown.contains(key)) {
        any = true;
      } else if (value.is_array() || value.is_object()) {
        Leave(key, "", key, "Warren knows no such thing");
      }  // else it says who made the document
    }
    if (!any) {
      Fault("", "neither warren_definitions nor anything that RabbitMQ exports is in the document");
    }
    if (!fault().ok()) return fault();
    return std::move(document_);
  }

 private:
  using Take = void (Reader::*)(const Json& object);

  void ForEach(const Json& json, const char* key, Take take) {
    const auto found = json.find(key);
    if (found == json.end() || found->is_null()) return;
    if (!found->is_array()) return Fault(key, "expected a list");
    size_t index = 0;
    for (const Json& object : *found) {
      Enter(absl::StrCat(key, "[", index++, "]"));
      if (!object.is_object()) return Fault("", "expected an object");
      (this->*take)(object);
      if (!fault().ok()) return;
    }
  }

  void Leave(std::string_view kind, const std::string& host, const std::string& name,
             std::string_view detail) {
    v1::DefinitionResult& result = document_.not_applicable.emplace_back();
    result.set_kind(std::string(kind));
    result.set_virtual_host(host);
    result.set_name(name);
    result.set_change(v1::DEFINITION_CHANGE_NOT_APPLICABLE);
    result.set_detail(std::string(detail));
  }

  // An argument or key of a policy that Warren has no counterpart for.
  void LeaveOption(std::string_view kind, const std::string& host, const std::string& name,
                   std::string_view key) {
    std::string_view plain = key;
    if (plain.substr(0, 2) == "x-") plain.remove_prefix(2);
    const auto why = WithoutEffect().find(plain);
    Leave(kind, host, name,
          absl::StrCat(absl::string_view(key.data(), key.size()), " has no effect: ",
                       why == WithoutEffect().end()
                           ? "Warren knows no such option"
                           : absl::string_view(why->second.data(), why->second.size())));
  }

  std::string Host(const Json& object) {
    const std::string host = Text(object, "vhost");
    return host.empty() ? virtual_host_ : host;
  }

  // ---- Users ----

  void TakeVirtualHost(const Json& object) {
    document_.definitions.add_virtual_hosts(Text(object, "name", true));
  }

  void TakeUser(const Json& object) {
    v1::PutUserRequest user;
    user.set_name(Text(object, "name", true));
    const std::string hash = Text(object, "password_hash");
    const std::string algorithm = Text(object, "hashing_algorithm");
    if (user.name() == kGuest && auth::PasswordMatches(kSha256 + hash, kGuest)) {
      left_out_users_.insert(user.name());
      return Leave("user", "", user.name(),
                   "left out: everybody knows its password, and RabbitMQ lets it in from its own "
                   "machine alone");
    }
    if (hash.empty()) {
      user.set_password_hash("");
    } else if (algorithm.empty() || algorithm == "rabbit_password_hashing_sha256") {
      user.set_password_hash(kSha256 + hash);
    } else {
      user.set_password_hash("");
      Leave("password", "", user.name(),
            absl::StrCat("the password is hashed by ", algorithm,
                         ", which Warren doesn't read: set it anew"));
    }
    TakeTags(object, user);
    for (const auto& [limit, value] : Members(object, "limits").items()) {
      Leave("user limit", "", user.name(), absl::StrCat(limit, ": users have no limits of their own"));
    }
    *document_.definitions.add_users() = std::move(user);
  }

  // A list, or text with commas in versions before 3.9.
  void TakeTags(const Json& object, v1::PutUserRequest& user) {
    const auto found = object.find("tags");
    if (found == object.end() || found->is_null()) return;
    if (found->is_string()) {
      for (const absl::string_view tag :
           absl::StrSplit(found->get<std::string>(), ',', absl::SkipWhitespace())) {
        user.add_tags(std::string(tag));
      }
      return;
    }
    if (!found->is_array()) return Fault("tags", "expected a list");
    for (const Json& tag : *found) user.add_tags(TextOf("tags", tag));
  }

  void TakePermissions(const Json& object) {
    if (left_out_users_.contains(Text(object, "user", true))) return;
    v1::SetPermissionsRequest& may = *document_.definitions.add_permissions();
    may.set_user(Text(object, "user", true));
    may.set_virtual_host(Host(object));
    may.mutable_permissions()->set_configure(Text(object, "configure"));
    may.mutable_permissions()->set_write(Text(object, "write"));
    may.mutable_permissions()->set_read(Text(object, "read"));
  }

  void TakeTopicPermissions(const Json& object) {
    Leave("topic permission", Host(object), Text(object, "user"),
          absl::StrCat("permissions by routing key, here of exchange \"", Text(object, "exchange"),
                       "\": give what is to be kept apart exchanges of its own"));
  }

  void TakeParameter(const Json& object) {
    const std::string component = Text(object, "component", true);
    if (component == "vhost-limits") return TakeLimits(object);
    Leave(component, Host(object), Text(object, "name"),
          component == "shovel" || component.rfind("federation", 0) == 0
              ? "messages aren't carried between brokers; a consumer that publishes does it"
              : component == "operator_policy" ? "use a policy" : "Warren knows no such thing");
  }

  void TakeLimits(const Json& object) {
    const std::string host = Host(object);
    v1::SetVirtualHostLimitsRequest request;
    request.set_virtual_host(host);
    v1::VirtualHostLimits& limits = *request.mutable_limits();
    for (const auto& [key, value] : Members(object, "value").items()) {
      if (value.is_number_integer() && value == -1) continue;  // no limit
      if (key == "max-queues") {
        limits.set_max_queues(Count(key, value));
      } else if (key == "max-connections") {
        // A connection there has a stream or two here.
        limits.set_max_streams(Count(key, value));
      } else {
        Leave("vhost-limits", host, key, "Warren knows no such limit");
      }
    }
    if (limits.ByteSizeLong() > 0) {
      *document_.definitions.add_virtual_host_limits() = std::move(request);
    }
  }

  void TakeGlobalParameter(const Json& object) {
    Leave("global parameter", "", Text(object, "name", true), "it says something of RabbitMQ alone");
  }

  // ---- Options that a queue and a policy have in common ----

  // False if `key`, without "x-", is none of them.
  bool TakeQueueOption(std::string_view key, const Json& value, v1::QueueOptions& options) {
    if (key == "message-ttl") {
      *options.mutable_message_ttl() = Milliseconds(key, value);
    } else if (key == "expires") {
      *options.mutable_expires() = Milliseconds(key, value);
    } else if (key == "max-length") {
      options.set_max_length(Count(key, value));
    } else if (key == "max-length-bytes") {
      options.set_max_length_bytes(Count(key, value));
    } else if (key == "overflow") {
      options.set_overflow(Overflow(value));
    } else if (key == "dead-letter-exchange") {
      options.set_dead_letter_exchange(TextOf(key, value));
    } else if (key == "dead-letter-routing-key") {
      options.set_dead_letter_routing_key(TextOf(key, value));
    } else if (key == "delivery-limit") {
      // RabbitMQ 4 writes -1 for no limit.
      const bool none = value.is_number_integer() && value == -1;
      options.set_delivery_limit(none ? 0 : SmallCount(key, value));
    } else {
      return false;
    }
    return true;
  }

  v1::OverflowPolicy Overflow(const Json& value) {
    const std::string name = TextOf("overflow", value);
    if (name == "drop-head") return v1::OVERFLOW_POLICY_DROP_HEAD;
    if (name == "reject-publish") return v1::OVERFLOW_POLICY_REJECT_PUBLISH;
    if (name == "reject-publish-dlx") return v1::OVERFLOW_POLICY_REJECT_PUBLISH_DLX;
    Fault("overflow", "expected drop-head, reject-publish or reject-publish-dlx");
    return v1::OVERFLOW_POLICY_UNSPECIFIED;
  }

  // ---- Topology ----

  void TakeExchange(const Json& object) {
    const std::string name = Text(object, "name", true);
    const std::string host = Host(object);
    std::string type = Text(object, "type", true);
    const Json& arguments = Members(object, "arguments");
    v1::ExchangeOptions options;
    if (type == "x-delayed-message") {
      options.set_delayed(true);
      const auto inner = arguments.find("x-delayed-type");
      type = inner == arguments.end() ? "direct" : TextOf("x-delayed-type", *inner);
    }
    static const std::map<std::string_view, v1::ExchangeType> kTypes = {
        {"direct", v1::EXCHANGE_TYPE_DIRECT},
        {"fanout", v1::EXCHANGE_TYPE_FANOUT},
        {"topic", v1::EXCHANGE_TYPE_TOPIC},
        {"headers", v1::EXCHANGE_TYPE_HEADERS}};
    const auto known = kTypes.find(type);
    if (known == kTypes.end()) {
      left_out_exchanges_.insert({host, name});
      return Leave("exchange", host, name,
                   absl::StrCat("exchanges of type ", type, " aren't there: left out, with its bindings"));
    }
    options.set_type(known->second);
    if (known->second == v1::EXCHANGE_TYPE_HEADERS) headers_exchanges_.insert({host, name});
    options.set_durable(Flag(object, "durable"));
    options.set_auto_delete(Flag(object, "auto_delete"));
    options.set_internal(Flag(object, "internal"));
    for (const auto& [key, value] : arguments.items()) {
      if (key == "alternate-exchange") {
        options.set_alternate_exchange(TextOf(key, value));
      } else if (key != "x-delayed-type") {
        LeaveOption("exchange", host, name, key);
      }
    }
    // Those that both have from the start; their options are the same.
    if (name.empty() || name.rfind("amq.", 0) == 0) return;
    v1::DeclareExchangeRequest& request = *document_.definitions.add_exchanges();
    request.set_virtual_host(host);
    request.set_name(name);
    *request.mutable_options() = std::move(options);
  }

  void TakeQueue(const Json& object) {
    const std::string name = Text(object, "name", true);
    const std::string host = Host(object);
    const Json& arguments = Members(object, "arguments");
    const auto type = arguments.find("x-queue-type");
    if (type != arguments.end() && *type == "stream") {
      left_out_queues_.insert({host, name});
      return Leave("queue", host, name,
                   "streams aren't there: left out, with its bindings; for several readers of the "
                   "same messages bind a queue for each");
    }
    v1::DeclareQueueRequest request;
    request.set_virtual_host(host);
    request.set_name(name);
    v1::QueueOptions& options = *request.mutable_options();
    options.set_durable(Flag(object, "durable"));
    options.set_auto_delete(Flag(object, "auto_delete"));
    for (const auto& [key, value] : arguments.items()) {
      const std::string_view plain = std::string_view(key).substr(key.rfind("x-", 0) == 0 ? 2 : 0);
      if (TakeQueueOption(plain, value, options)) continue;
      if (key == "x-max-priority") {
        options.set_max_priority(SmallCount(key, value));
      } else if (key != "x-queue-type") {  // classic and quorum: a queue
        LeaveOption("queue", host, name, key);
      }
    }
    *document_.definitions.add_queues() = std::move(request);
  }

  void TakeBinding(const Json& object) {
    const std::string host = Host(object);
    const std::string source = Text(object, "source", true);
    const std::string destination = Text(object, "destination", true);
    const std::string kind = Text(object, "destination_type", true);
    if (kind != "queue" && kind != "exchange") {
      return Fault("destination_type", "expected queue or exchange");
    }
    const std::string key = Text(object, "routing_key");
    const std::string name = absl::StrCat(source, " -> ", destination, " (", key, ")");
    if (source.empty()) return;  // of the default exchange: by the queue's name, always there
    const auto& left_out = kind == "queue" ? left_out_queues_ : left_out_exchanges_;
    if (left_out.contains({host, destination}) || left_out_exchanges_.contains({host, source})) {
      return Leave("binding", host, name, "one of its ends is left out");
    }
    v1::BindRequest request;
    request.set_virtual_host(host);
    v1::Binding& binding = *request.mutable_binding();
    binding.set_source(source);
    kind == "queue" ? binding.set_queue(destination) : binding.set_exchange(destination);
    binding.set_routing_key(key);
    const bool matches_headers = headers_exchanges_.contains({host, source}) ||
                                 source == "amq.headers" || source == "amq.match";
    for (const auto& [argument, value] : Members(object, "arguments").items()) {
      // The one argument that has another name here.
      const std::string own = matches_headers && argument == "x-match" ? "match" : argument;
      (*binding.mutable_arguments())[own] = HeaderOf(value);
    }
    *document_.definitions.add_bindings() = std::move(request);
  }

  static v1::HeaderValue HeaderOf(const Json& value) {
    v1::HeaderValue header;
    if (value.is_string()) {
      header.set_string_value(value.get<std::string>());
    } else if (value.is_boolean()) {
      header.set_bool_value(value.get<bool>());
    } else if (value.is_number_integer()) {
      header.set_int_value(value.get<int64_t>());
    } else if (value.is_number_float()) {
      header.set_double_value(value.get<double>());
    } else if (value.is_array()) {
      header.mutable_list_value();
      for (const Json& one : value) *header.mutable_list_value()->add_values() = HeaderOf(one);
    } else if (value.is_object()) {
      auto& entries = *header.mutable_table_value()->mutable_entries();
      for (const auto& [name, one] : value.items()) entries[name] = HeaderOf(one);
    }  // null: void
    return header;
  }

  void TakePolicy(const Json& object) {
    v1::Policy policy;
    policy.set_virtual_host(Host(object));
    policy.set_name(Text(object, "name", true));
    // There an empty one matches every name, too; here it would be missing.
    const std::string pattern = Text(object, "pattern", true);
    policy.set_pattern(pattern.empty() ? ".*" : pattern);
    if (const auto priority = object.find("priority"); priority != object.end()) {
      const bool sound = priority->is_number_integer() &&
                         std::abs(priority->get<double>()) <= std::numeric_limits<int32_t>::max();
      if (!sound) return Fault("priority", "expected a whole number");
      policy.set_priority(priority->get<int32_t>());
    }
    const std::string target = Text(object, "apply-to");
    if (target.empty() || target == "all") {
      policy.set_target(v1::POLICY_TARGET_ALL);
    } else if (target == "exchanges") {
      policy.set_target(v1::POLICY_TARGET_EXCHANGES);
    } else if (target == "queues" || target == "classic_queues" || target == "quorum_queues") {
      policy.set_target(v1::POLICY_TARGET_QUEUES);
      if (target != "queues") {
        Leave("policy", policy.virtual_host(), policy.name(),
              absl::StrCat("there is one kind of queue: it counts for all, not ", target, " alone"));
      }
    } else {
      return Leave("policy", policy.virtual_host(), policy.name(),
                   absl::StrCat("left out: there are no ", target));
    }
    bool sets = false;
    for (const auto& [key, value] : Members(object, "definition").items()) {
      if (TakeQueueOption(key, value, *policy.mutable_queue_options())) {
        sets = true;
      } else if (key == "alternate-exchange") {
        policy.set_alternate_exchange(TextOf(key, value));
        sets = true;
      } else {
        LeaveOption("policy", policy.virtual_host(), policy.name(), key);
      }
    }
    // One that says nothing which counts here could still hide another of lower priority.
    *document_.definitions.add_policies() = std::move(policy);
    if (!sets) {
      Leave("policy", document_.definitions.policies().rbegin()->virtual_host(),
            document_.definitions.policies().rbegin()->name(),
            "nothing that it sets has an effect; kept, since it hides policies of lower priority");
    }
  }

  const std::string virtual_host_;
  Document document_;
  std::set<std::string> left_out_users_;
  // Of what bindings may name. RabbitMQ lists exchanges and queues before them.
  std::set<std::pair<std::string, std::string>> headers_exchanges_;
  std::set<std::pair<std::string, std::string>> left_out_exchanges_;
  std::set<std::pair<std::string, std::string>> left_out_queues_;
};

}  // namespace

absl::StatusOr<Document> ReadRabbitMq(const Json& json, const std::string& virtual_host) {
  return Reader(virtual_host).Read(json);
}

}  // namespace warren::api
