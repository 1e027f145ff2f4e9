// One Foundry resource with its project, the models' deployments and one role: no hub, vault or storage.
param accountName string
param location string
param principalId string

@description('name, format, version, sku and capacity (thousand tokens a minute) of each')
param deployments array

// Foundry Owner: "Foundry User for training, or Foundry Owner if you also deploy the fine-tuned model"
// (learn.microsoft.com/azure/foundry/openai/how-to/fine-tuning, 2026-10-05). Its data actions take the
// place of keys; roles named Cognitive Services … are not for Foundry. The id outlived the role's names.
var foundryOwner = 'c883944f-8b7b-4483-af10-35834be79c4a'

resource account 'Microsoft.CognitiveServices/accounts@2025-06-01' = {
  name: accountName
  location: location
  kind: 'AIServices'
  sku: {
    name: 'S0'
  }
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    allowProjectManagement: true
    customSubDomainName: accountName // Entra ID needs an address of its own
    disableLocalAuth: true // no keys
    publicNetworkAccess: 'Enabled'
  }
}

resource project 'Microsoft.CognitiveServices/accounts/projects@2025-06-01' = {
  parent: account
  name: 'openbook'
  location: location
  identity: {
    type: 'SystemAssigned'
  }
  properties: {}
}

// One after the other: an account refuses changes while another one is made.
@batchSize(1)
resource models 'Microsoft.CognitiveServices/accounts/deployments@2025-06-01' = [for one in deployments: {
  parent: account
  name: one.name
  sku: {
    name: one.sku
    capacity: one.capacity
  }
  properties: {
    model: {
      format: one.format
      name: one.name
      version: one.version
    }
    versionUpgradeOption: 'NoAutoUpgrade' // else student and baseline are compared across versions
  }
  dependsOn: [
    project
  ]
}]

resource owner 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, principalId, foundryOwner)
  scope: account
  properties: {
    principalId: principalId
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', foundryOwner)
  }
}

output accountName string = account.name
output projectName string = project.name
output baseUrl string = 'https://${accountName}.openai.azure.com/openai/v1/'
