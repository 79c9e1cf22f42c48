// The services as their handlers take calls from them: ours with raw frames, so that a frame that
// can't be parsed gets a typed answer, and that a held one needn't be parsed yet.
#pragma once

#include "grpc/health/v1/health.grpc.pb.h"
#include "warren/v1/admin.grpc.pb.h"
#include "warren/v1/broker.grpc.pb.h"

namespace warren::api {

namespace internal {
using B = v1::BrokerService;
using Topology = B::WithRawMethod_DeclareExchange<B::WithRawMethod_DeleteExchange<
    B::WithRawMethod_DeclareQueue<B::WithRawMethod_DeleteQueue<B::WithRawMethod_PurgeQueue<
        B::WithRawMethod_Bind<B::WithRawMethod_Unbind<B::Service>>>>>>>;
using Messages = B::WithRawMethod_Publish<B::WithRawMethod_PublishStream<B::WithRawMethod_Consume<
    B::WithRawMethod_Get<B::WithRawMethod_Ack<B::WithRawMethod_Commit<Topology>>>>>>;

using A = v1::AdminService;
using AdminBroker = A::WithRawMethod_GetOverview<A::WithRawMethod_GetConfiguration<
    A::WithRawMethod_SetLogLevels<A::WithRawMethod_Drain<A::WithRawMethod_ListConnections<
    A::WithRawMethod_CloseConnection<A::WithRawMethod_ListConsumers<A::Service>>>>>>>;
using AdminTopology = A::WithRawMethod_ListVirtualHosts<A::WithRawMethod_CreateVirtualHost<
    A::WithRawMethod_DeleteVirtualHost<A::WithRawMethod_SetVirtualHostLimits<
    A::WithRawMethod_ListExchanges<A::WithRawMethod_ListQueues<
    A::WithRawMethod_ListBindings<A::WithRawMethod_ExplainRoute<AdminBroker>>>>>>>>;
using AdminMessages = A::WithRawMethod_PeekQueue<A::WithRawMethod_MoveMessages<
    A::WithRawMethod_ListScheduledMessages<A::WithRawMethod_CancelScheduledMessages<
    AdminTopology>>>>;
using AdminUsers = A::WithRawMethod_ListUsers<A::WithRawMethod_PutUser<A::WithRawMethod_DeleteUser<
    A::WithRawMethod_SetPermissions<A::WithRawMethod_ClearPermissions<AdminMessages>>>>>;
using AdminPolicies = A::WithRawMethod_ListPolicies<
    A::WithRawMethod_PutPolicy<A::WithRawMethod_DeletePolicy<AdminUsers>>>;
// What isn't listed here, gRPC answers with UNIMPLEMENTED.
using AdminDefinitions = A::WithRawMethod_ExportDefinitions<
    A::WithRawMethod_ImportDefinitions<AdminPolicies>>;
}  // namespace internal

using RawBrokerService = internal::Messages;
using RawAdminService = internal::AdminDefinitions;
using HealthService = grpc::health::v1::Health::AsyncService;

}  // namespace warren::api
