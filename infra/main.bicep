// The models of a run in one Microsoft Foundry resource: `azd up` (docs/cloud.md).
targetScope = 'subscription'

@description('Name of the azd environment; the resource group is rg-<name>')
@minLength(1)
@maxLength(64)
param environmentName string

@description('Region of everything; `python -m lib.cloud choose` names those that have all models')
param location string

@description('Object id of the user or service principal that trains, deploys and asks')
param principalId string

@description('Keys of models.yaml; none deploys nothing for its role')
param teacher string
param embedding string
param baseline string
param judge string

@description('Key of models.yaml of the model to train; only a fine-tune of it is deployed, by 3_deploy')
param student string

var catalogue = loadYamlContent('models.yaml').models
// Two roles of one model share its deployment, which has the name of the model.
var chosen = filter(union([teacher], [embedding], [baseline], [judge]), name => name != 'none')

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: {
    'azd-env-name': environmentName
  }
}

module foundry 'foundry.bicep' = {
  name: 'foundry'
  scope: group
  params: {
    accountName: 'openbook-${uniqueString(subscription().id, environmentName, location)}'
    location: location
    principalId: principalId
    deployments: map(chosen, name => {
      name: name
      format: catalogue[name].format
      version: catalogue[name].version
      sku: catalogue[name].sku
      capacity: catalogue[name].capacity
    })
  }
}

// azd saves outputs in plain text: names and addresses, never a key.
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_FOUNDRY_ACCOUNT string = foundry.outputs.accountName
output AZURE_FOUNDRY_PROJECT string = foundry.outputs.projectName
output OPENBOOK_BASE_URL string = foundry.outputs.baseUrl
output OPENBOOK_TEACHER string = teacher
output OPENBOOK_EMBEDDING string = embedding
output OPENBOOK_BASELINE string = baseline
output OPENBOOK_JUDGE string = judge
output OPENBOOK_STUDENT string = student
