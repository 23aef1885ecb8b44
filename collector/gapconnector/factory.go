package gapconnector

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/consumer"
)

// componentType is the name of the connector in a configuration.
var componentType = component.MustNewType("gap")

// NewFactory returns the factory of the connector, whose name in a configuration is gap.
func NewFactory() connector.Factory {
	return connector.NewFactory(componentType, createDefaultConfig,
		connector.WithTracesToMetrics(createTracesToMetrics, component.StabilityLevelAlpha),
		connector.WithTracesToTraces(createTracesToTraces, component.StabilityLevelAlpha),
	)
}

func createTracesToMetrics(
	_ context.Context, set connector.Settings, config component.Config, next consumer.Metrics,
) (connector.Traces, error) {
	return newToMetrics(set, config.(*Config), next)
}

func createTracesToTraces(
	_ context.Context, set connector.Settings, config component.Config, next consumer.Traces,
) (connector.Traces, error) {
	return newToTraces(set, config.(*Config), next)
}
