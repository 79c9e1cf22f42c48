#include "server/api/convert/virtual_host_limits.h"

namespace warren::api {

storage::VirtualHostLimits ToLimits(const v1::VirtualHostLimits& proto) {
  storage::VirtualHostLimits limits;
  if (proto.has_max_queues()) limits.max_queues = proto.max_queues();
  if (proto.has_max_streams()) limits.max_streams = proto.max_streams();
  if (proto.has_max_message_bytes()) limits.max_message_bytes = proto.max_message_bytes();
  return limits;
}

void SetLimits(const storage::VirtualHostLimits& limits, v1::VirtualHostLimits* proto) {
  if (limits.max_queues) proto->set_max_queues(*limits.max_queues);
  if (limits.max_streams) proto->set_max_streams(*limits.max_streams);
  if (limits.max_message_bytes) proto->set_max_message_bytes(*limits.max_message_bytes);
}

}  // namespace warren::api
