// A virtual host: exchanges, queues and consumers by name. Nothing crosses its border.
// Broker thread only.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/core/exchange.h"
#include "server/core/policies.h"
#include "server/core/queue.h"
#include "storage/virtual_host_limits.h"

namespace warren::core {

class VirtualHost {
 public:
  explicit VirtualHost(std::string host_name) : name(std::move(host_name)) {}

  const std::string name;

  Policies policies;

  // It isn't there for anybody any more; these wait until it is really gone.
  bool deleting = false;
  std::vector<RequestId> asked_to_delete;
  std::vector<RequestId> asked_to_declare;  // another one of its name

  storage::VirtualHostLimits limits;

  // Sums over its queues, kept by them.
  struct Messages {
    uint64_t ready = 0;
    uint64_t delayed = 0;
    uint64_t unsettled = 0;
  };
  Messages messages;
  size_t queue_count() const { return queues_.size(); }
  size_t exchange_count() const { return exchanges_.size(); }  // but for the default exchange

  // Streams that publish to it, and those that consume from it by how many consumers each has here.
  size_t publish_streams = 0;
  absl::flat_hash_map<ConsumerId, size_t> consume_streams;
  size_t stream_count() const { return publish_streams + consume_streams.size(); }

  // Null if there is none of that name.
  Exchange* FindExchange(std::string_view exchange) const;
  Queue* FindQueue(std::string_view queue) const;
  // A binding that is the same but for its id.
  Binding* FindBinding(const Binding& like) const;

  // REQUIRES: the name isn't taken.
  void Add(std::unique_ptr<Exchange> exchange);
  void Add(std::unique_ptr<Queue> queue);
  // Enters it with its source's matcher and its destination. REQUIRES: FindBinding finds none.
  Binding& Add(std::unique_ptr<Binding> binding);

  // REQUIRES: it is in this host; a queue or exchange has no bindings and no consumers left.
  void Remove(Exchange& exchange);
  void Remove(Queue& queue);
  void Remove(Binding& binding);

  absl::flat_hash_map<std::string, Consumer*> consumers;  // looked up, never walked

 private:
  // Hash containers: looked up, never walked (Abseil salts their order).
  absl::flat_hash_map<std::string, std::unique_ptr<Exchange>> exchanges_;
  absl::flat_hash_map<std::string, std::unique_ptr<Queue>> queues_;
  absl::flat_hash_map<std::string, std::vector<Binding*>> bindings_;  // by ends and key
};

}  // namespace warren::core
