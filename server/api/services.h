// The services as their handlers take calls from them: BrokerService with raw frames, so that a
// frame that can't be parsed gets a typed answer, and that a held one needn't be parsed yet.
#pragma once

#include "grpc/health/v1/health.grpc.pb.h"
#include "warren/v1/broker.grpc.pb.h"

namespace warren::api {

namespace internal {
using B = v1::BrokerService;
using Topology = B::WithRawMethod_DeclareExchange<B::WithRawMethod_DeleteExchange<
    B::WithRawMethod_DeclareQueue<B::WithRawMethod_DeleteQueue<B::WithRawMethod_PurgeQueue<
        B::WithRawMethod_Bind<B::WithRawMethod_Unbind<B::Service>>>>>>>;
using Messages = B::WithRawMethod_Publish<B::WithRawMethod_PublishStream<B::WithRawMethod_Consume<
    B::WithRawMethod_Get<B::WithRawMethod_Ack<B::WithRawMethod_Commit<Topology>>>>>>;
}  // namespace internal

using RawBrokerService = internal::Messages;
using HealthService = grpc::health::v1::Health::AsyncService;

}  // namespace warren::api
